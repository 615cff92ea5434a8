//! Transcripts: requests in, what changed and what was answered out.

use std::fmt::Write as _;

use chronik_types::{
    ClusterId, DirectoryId, Durability, ErrorCode, Incarnation, LogIndex, NodeId, PartitionId,
    TopicId, TopicName, Uuid,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Controller, ControllerSettings, Random};
use crate::image::{ApplyOutcome, MetadataImage};
use crate::record::{ConfigResource, Listener, MetadataRecord};
use crate::request::{
    AlterConfigOp, AlterPartition, AlterPartitionItem, ConfigAlteration, ControllerRequest,
    CreatableTopic, CreateCluster, CreatePartitions, CreatePartitionsTopic, CreateTopics,
    DeleteTopics, DirectoryState, IncrementalAlterConfigs, RegisterBroker, TopicRef,
    UpdateBrokerStatus, WantedStatus,
};
use crate::response::{ApiError, ControllerResponse};
use crate::{DecisionBatch, MetadataDelta, MetadataEntry};

/// A small generator for tests (splitmix64).
pub(crate) struct Seeded(pub(crate) u64);

impl Random for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn uuid(n: u8) -> Uuid {
    Uuid::from_bytes([n; 16])
}

fn node(id: i32) -> NodeId {
    NodeId::new(id)
}

/// A controller, its log and the image it leads to.
struct World {
    controller: Controller,
    random: Seeded,
    image: MetadataImage,
    log: Vec<MetadataEntry>,
    lives: u8,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            controller: Controller::new(ControllerSettings::default()),
            random: Seeded(1),
            image: MetadataImage::default(),
            log: Vec::new(),
            lives: 0,
        };
        world.write(MetadataEntry::barrier());
        world.submit(ControllerRequest::CreateCluster(CreateCluster {
            cluster_id: ClusterId::new(uuid(9)),
            default_durability: Durability::QuorumFsync,
            features: vec![],
        }));
        world
    }

    fn with_brokers(ids: &[i32]) -> Self {
        let mut world = Self::new();
        for id in ids {
            world.register(*id, DirectoryState::Clean);
            world.status(*id, WantedStatus::Unfenced);
        }
        world
    }

    fn write(&mut self, entry: MetadataEntry) -> LogIndex {
        let index = LogIndex::new(self.log.len() as u64);
        let before = self.image.clone();
        match self.image.apply(index, &entry) {
            ApplyOutcome::Applied(delta) => {
                // Deltas may name what was set to what it was; they never miss anything.
                let mut both = delta.clone();
                both.merge(&MetadataDelta::between(&before, &self.image));
                assert_eq!(both, delta);
            }
            ApplyOutcome::Conflict => panic!("decided on the newest state"),
        }
        self.log.push(entry);
        index
    }

    fn submit(&mut self, request: ControllerRequest) -> ControllerResponse {
        let mut batch = DecisionBatch::new(&self.controller, &self.image);
        let response = batch
            .decide(&request, &mut self.random)
            .expect("an empty batch has room");
        if batch.is_empty() {
            return response;
        }
        let assumed = batch.assumed();
        let entry = batch.into_entry();
        let index = self.write(entry);
        response.settle(assumed, index)
    }

    fn register_from(&mut self, id: i32, dir: u8, state: DirectoryState) -> ControllerResponse {
        self.lives += 1;
        let incarnation_id = uuid(self.lives);
        self.submit(ControllerRequest::RegisterBroker(RegisterBroker {
            node: node(id),
            cluster_id: ClusterId::new(uuid(9)),
            incarnation_id,
            directory_id: DirectoryId::new(uuid(dir)),
            directory_state: state,
            damaged: vec![],
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: format!("h{id}"),
                port: 9092,
                security_protocol: 0,
            }],
            rack: None,
            features: vec![],
        }))
    }

    fn register(&mut self, id: i32, state: DirectoryState) -> ControllerResponse {
        self.register_from(id, u8::try_from(id).expect("small"), state)
    }

    fn incarnation(&self, id: i32) -> Incarnation {
        self.image.broker(node(id)).expect("registered").incarnation
    }

    fn status(&mut self, id: i32, status: WantedStatus) -> ControllerResponse {
        let incarnation = self.incarnation(id);
        self.submit(ControllerRequest::UpdateBrokerStatus(UpdateBrokerStatus {
            node: node(id),
            incarnation,
            status,
        }))
    }

    fn create(&mut self, topics: Vec<CreatableTopic>) -> String {
        let response = self.submit(ControllerRequest::CreateTopics(CreateTopics {
            topics,
            validate_only: false,
        }));
        let ControllerResponse::CreateTopics(results) = response else {
            panic!("another answer")
        };
        lines(results.into_iter().map(|(name, result)| {
            (
                name,
                result.map(|t| format!("{} x {}", t.partitions, t.replication_factor)),
            )
        }))
    }

    /// The answers in order, each after what its topic was asked by.
    fn delete(&mut self, topics: Vec<TopicRef>) -> String {
        let request = ControllerRequest::DeleteTopics(DeleteTopics { topics });
        let ControllerResponse::DeleteTopics(results) = self.submit(request) else {
            panic!("another answer")
        };
        lines(results.into_iter().map(|(topic, result)| {
            let kind = match topic {
                TopicRef::Name(_) => "name",
                TopicRef::Id(_) => "id",
            };
            (kind.to_owned(), result.map(|topic| topic.name.to_string()))
        }))
    }

    fn topic_id(&self, name: &str) -> TopicId {
        self.image.topic(name).expect("exists").id
    }

    fn partitions(&self, name: &str) -> String {
        let ids = |nodes: &[NodeId]| {
            let ids: Vec<_> = nodes.iter().map(ToString::to_string).collect();
            ids.join(",")
        };
        let mut text = String::new();
        for (id, p) in self.image.topic(name).expect("exists").partitions() {
            let leader = p
                .leader
                .map_or_else(|| "none".to_owned(), |l| l.to_string());
            writeln!(
                text,
                "{id}: leader {leader} isr [{}] elr [{}] of [{}] epochs {}/{}",
                ids(&p.isr),
                ids(&p.elr),
                ids(&p.replicas),
                p.leader_epoch,
                p.partition_epoch
            )
            .expect("a string");
        }
        text
    }

    fn manual(&mut self, name: &str, replicas: &[i32]) {
        let replicas = replicas.iter().copied().map(node).collect();
        let created = self.create(vec![CreatableTopic {
            assignments: vec![(PartitionId::new(0), replicas)],
            ..topic(name, -1, -1)
        }]);
        assert!(!created.contains("INVALID"), "{created}");
    }
}

fn lines(results: impl Iterator<Item = (String, Result<String, ApiError>)>) -> String {
    let lines: Vec<_> = results
        .map(|(name, result)| match result {
            Ok(text) => format!("{name}: {text}"),
            Err(error) => format!("{name}: {error}"),
        })
        .collect();
    lines.join("\n")
}

fn topic(name: &str, partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        partitions,
        replication_factor,
        ..CreatableTopic::default()
    }
}

fn check(actual: &str, expected: Expect) {
    expected.assert_eq(actual);
}

#[test]
fn topics_are_created_and_refused_as_in_kafka() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    let config = |name: &str, value: Option<&str>| CreatableTopic {
        configs: vec![(name.to_owned(), value.map(str::to_owned))],
        ..topic("configured", 1, 1)
    };
    let assigned = |name: &str, replicas: &[i32]| CreatableTopic {
        assignments: vec![(
            PartitionId::new(0),
            replicas.iter().copied().map(node).collect(),
        )],
        ..topic(name, -1, -1)
    };
    let mut out = world.create(vec![
        topic("a", 3, 2),
        topic("defaults", -1, -1),
        topic("a.b", 1, 1),
        topic("a_b", 1, 1),
        topic("bad name", 1, 1),
        topic("__cluster_metadata", 1, 1),
        topic("zero", 0, 1),
        topic("rf0", 1, 0),
        topic("rf4", 1, 4),
        topic("twice", 1, 1),
        topic("twice", 2, 1),
        assigned("manual", &[3, 1]),
        assigned("unknown", &[7]),
        assigned("again", &[1, 1]),
    ]);
    out.push('\n');
    out += &world.create(vec![topic("a", 1, 1), config("segment.bytes", Some("1"))]);
    out.push('\n');
    out += &world.create(vec![config("nonsense", Some("1"))]);
    out.push('\n');
    out += &world.create(vec![config("retention.ms", None)]);
    out.push('\n');
    out += &world.create(vec![topic("huge", 10_001, 1)]);
    check(
        &out,
        expect![[r#"
            a: 3 x 2
            defaults: 1 x 3
            a.b: 1 x 1
            a_b: INVALID_TOPIC_EXCEPTION: Topic 'a_b' collides with existing topic: a.b
            bad name: INVALID_TOPIC_EXCEPTION: Topic name is invalid: 'bad name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'
            __cluster_metadata: INVALID_REQUEST: Creation of internal topic __cluster_metadata is prohibited.
            zero: INVALID_PARTITIONS: Number of partitions was set to an invalid non-positive value.
            rf0: INVALID_REPLICATION_FACTOR: Replication factor must be larger than 0, or -1 to use the default value.
            rf4: INVALID_REPLICATION_FACTOR: Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached because only 3 broker(s) are registered.
            twice: INVALID_REQUEST: Duplicate topic name.
            manual: 1 x 2
            unknown: INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes broker 7, but no such broker is registered.
            again: INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes the broker 1 more than once.
            a: TOPIC_ALREADY_EXISTS: Topic 'a' already exists.
            configured: INVALID_CONFIG: Invalid value 1 for configuration segment.bytes: Value must be at least 1048576
            configured: INVALID_CONFIG: Unknown topic config name: nonsense
            configured: INVALID_CONFIG: Null value not supported for topic configs: retention.ms
            huge: POLICY_VIOLATION: Excessively large number of partitions per request."#]],
    );
    check(
        &world.partitions("manual"),
        expect![[r#"
            0: leader 3 isr [3,1] elr [] of [3,1] epochs 0/0
        "#]],
    );
}

#[test]
fn validate_only_leaves_no_trace() {
    let mut world = World::with_brokers(&[1]);
    let before = world.image.clone();
    let response = world.submit(ControllerRequest::CreateTopics(CreateTopics {
        topics: vec![topic("a", 1, 1)],
        validate_only: true,
    }));
    assert!(matches!(response, ControllerResponse::CreateTopics(r) if r[0].1.is_ok()));
    assert_eq!(world.image, before);
}

#[test]
fn a_single_node_that_returns_gets_its_leaderships_back_in_a_new_epoch() {
    let mut world = World::with_brokers(&[1]);
    world.create(vec![topic("a", 1, -1)]);
    let mut out = world.partitions("a");
    world.register(1, DirectoryState::Intact);
    out += &world.partitions("a");
    world.status(1, WantedStatus::Unfenced);
    out += &world.partitions("a");
    // Even if its journal could not be read: nobody else has the partition.
    world.register(1, DirectoryState::Lost);
    world.status(1, WantedStatus::Unfenced);
    out += &world.partitions("a");
    check(
        &out,
        expect![[r#"
            0: leader 1 isr [1] elr [] of [1] epochs 0/0
            0: leader none isr [] elr [1] of [1] epochs 1/1
            0: leader 1 isr [1] elr [] of [1] epochs 2/2
            0: leader 1 isr [1] elr [] of [1] epochs 4/4
        "#]],
    );
}

#[test]
fn a_wiped_directory_does_not_lead_what_it_lost() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    world.manual("a", &[1, 2, 3]);
    world.status(2, WantedStatus::Fenced);
    world.status(3, WantedStatus::Fenced);
    world.status(1, WantedStatus::Fenced);
    let mut out = world.partitions("a");
    world.register_from(1, 77, DirectoryState::Lost);
    world.status(1, WantedStatus::Unfenced);
    out += &world.partitions("a");
    world.status(3, WantedStatus::Unfenced);
    out += &world.partitions("a");
    check(
        &out,
        expect![[r#"
            0: leader none isr [] elr [1,3] of [1,2,3] epochs 1/3
            0: leader none isr [] elr [3] of [1,2,3] epochs 1/4
            0: leader 3 isr [3] elr [] of [1,2,3] epochs 2/5
        "#]],
    );
}

#[test]
fn another_directory_with_a_live_session_is_a_duplicate() {
    let mut world = World::with_brokers(&[1]);
    let refused = world.register_from(1, 50, DirectoryState::Lost);
    assert!(
        matches!(&refused, ControllerResponse::RegisterBroker(Err(error))
            if error.code == ErrorCode::DuplicateBrokerRegistration),
        "{refused:?}"
    );
    let accepted = world.register_from(1, 1, DirectoryState::Clean);
    assert!(matches!(
        accepted,
        ControllerResponse::RegisterBroker(Ok(_))
    ));
}

#[test]
fn an_incarnation_is_the_index_of_its_registration() {
    let mut world = World::new();
    let response = world.register(1, DirectoryState::Clean);
    let index = world.log.len() as u64 - 1;
    assert_eq!(
        response,
        ControllerResponse::RegisterBroker(Ok(Incarnation::new(index)))
    );
    assert_eq!(world.incarnation(1), Incarnation::new(index));
    // The same process again: the same life, and nothing to write.
    world.lives -= 1;
    assert_eq!(world.register(1, DirectoryState::Clean), response);
    assert_eq!(world.log.len() as u64 - 1, index);
}

#[test]
fn a_request_of_an_earlier_life_is_stale() {
    let mut world = World::with_brokers(&[1]);
    let response = world.submit(ControllerRequest::AllocateProducerIds {
        node: node(1),
        incarnation: Incarnation::new(0),
    });
    assert!(
        matches!(response, ControllerResponse::AllocateProducerIds(Err(error))
        if error.code == ErrorCode::StaleBrokerEpoch)
    );
}

#[test]
fn a_shutting_down_broker_hands_over_and_leaves_every_isr() {
    let mut world = World::with_brokers(&[1, 2]);
    world.manual("a", &[1, 2]);
    world.status(1, WantedStatus::ShuttingDown);
    check(
        &world.partitions("a"),
        expect![[r#"
            0: leader 2 isr [2] elr [] of [1,2] epochs 1/1
        "#]],
    );
}

#[test]
fn alter_partition_checks_in_kafkas_order() {
    let mut world = World::with_brokers(&[1, 2, 3]);
    world.manual("a", &[1, 2, 3]);
    world.status(3, WantedStatus::Fenced);
    let id = world.topic_id("a");
    let mut ask = |sender: i32, leader_epoch: i32, partition_epoch: i32, isr: &[i32]| {
        let incarnation = world.incarnation(sender);
        let item = AlterPartitionItem {
            partition: PartitionId::new(0),
            leader_epoch: chronik_types::LeaderEpoch::new(leader_epoch),
            partition_epoch: chronik_types::PartitionEpoch::new(partition_epoch),
            isr: isr.iter().map(|id| (node(*id), None)).collect(),
        };
        let response = world.submit(ControllerRequest::AlterPartition(AlterPartition {
            node: node(sender),
            incarnation,
            topics: [(id, vec![item])].into(),
        }));
        let ControllerResponse::AlterPartition(Ok(results)) = response else {
            panic!("{response:?}")
        };
        match &results[&id][0].1 {
            Ok(state) => format!("isr of {} at {}", state.isr.len(), state.partition_epoch),
            Err(error) => error.to_string(),
        }
    };
    let out = [
        ask(1, 1, 1, &[1]),
        ask(1, 0, 2, &[1]),
        ask(2, 0, 1, &[2]),
        ask(1, 0, 0, &[1]),
        ask(1, 0, 1, &[2]),
        ask(1, 0, 1, &[1, 9]),
        ask(1, 0, 1, &[1, 3]),
        ask(1, 0, 1, &[1]),
        ask(1, 0, 2, &[1, 2]),
    ];
    check(
        &out.join("\n"),
        expect![[r#"
            NOT_CONTROLLER
            NOT_CONTROLLER
            INVALID_REQUEST
            INVALID_UPDATE_VERSION
            INVALID_REQUEST
            INVALID_REQUEST
            INELIGIBLE_REPLICA
            isr of 1 at 2
            isr of 2 at 3"#]],
    );
}

#[test]
fn topics_are_deleted_by_name_or_id_and_their_configs_go_with_them() {
    let mut world = World::with_brokers(&[1]);
    world.create(vec![
        CreatableTopic {
            configs: vec![("retention.ms".to_owned(), Some("1000".to_owned()))],
            ..topic("a.x", 1, 1)
        },
        topic("b", 1, 1),
    ]);
    let by_id = TopicRef::Id(world.topic_id("b"));
    check(
        &world.delete(vec![
            TopicRef::Name("a.x".to_owned()),
            by_id,
            TopicRef::Name("none".to_owned()),
            TopicRef::Id(TopicId::new(uuid(200))),
        ]),
        expect![[r#"
            name: a.x
            id: b
            name: UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.
            id: UNKNOWN_TOPIC_ID: This server does not host this topic ID."#]],
    );
    assert_eq!(world.image.topic_count(), 0);
    assert_eq!(world.image.configured().count(), 0);
    // The name is free, and so is the one it collided with.
    check(
        &world.create(vec![topic("a_x", 1, 1)]),
        expect!["a_x: 1 x 1"],
    );
}

#[test]
fn topics_named_twice_are_not_deleted() {
    let mut world = World::with_brokers(&[1]);
    let names = ["a", "b", "c", "d"];
    world.create(names.iter().map(|name| topic(name, 1, 1)).collect());
    let name = |name: &str| TopicRef::Name(name.to_owned());
    let id = |name: &str| TopicRef::Id(world.topic_id(name));
    let topics = vec![
        name("a"),
        id("b"),
        id("c"),
        name("a"),
        id("b"),
        name("c"),
        name("none"),
        name("none"),
        name("d"),
    ];
    check(
        &world.delete(topics),
        expect![[r#"
            name: INVALID_REQUEST: Duplicate topic name.
            id: INVALID_REQUEST: Duplicate topic id.
            name: INVALID_REQUEST: The provided topic name maps to an ID that was already supplied.
            name: INVALID_REQUEST: Duplicate topic name.
            name: d"#]],
    );
    let left: Vec<&str> = world.image.topics().map(|t| t.name.as_str()).collect();
    assert_eq!(left, ["a", "b", "c"]);
}

#[test]
fn partitions_are_added_and_refused_as_in_kafka() {
    let mut world = World::with_brokers(&[1, 2]);
    world.create(vec![topic("a", 2, 2)]);
    let mut add = |name: &str, count: i32, assignments: Option<Vec<Vec<NodeId>>>| {
        let response = world.submit(ControllerRequest::CreatePartitions(CreatePartitions {
            topics: vec![CreatePartitionsTopic {
                name: name.to_owned(),
                count,
                assignments,
            }],
            validate_only: false,
        }));
        let ControllerResponse::CreatePartitions(results) = response else {
            panic!("another answer")
        };
        lines(
            results
                .into_iter()
                .map(|(n, r)| (n, r.map(|()| "added".to_owned()))),
        )
    };
    let out = [
        add("none", 3, None),
        add("a", 2, None),
        add("a", 1, None),
        add("a", 3, Some(vec![vec![node(1)], vec![node(2)]])),
        add("a", 3, Some(vec![vec![node(1)]])),
        add("a", 3, Some(vec![vec![node(2), node(1)]])),
        add("a", 5, None),
        add("a", 20_000, None),
    ];
    check(
        &out.join("\n"),
        expect![[r#"
            none: UNKNOWN_TOPIC_OR_PARTITION
            a: INVALID_PARTITIONS: Topic already has 2 partition(s).
            a: INVALID_PARTITIONS: The topic a currently has 2 partition(s); 1 would not be an increase.
            a: INVALID_REPLICA_ASSIGNMENT: Attempted to add 1 additional partition(s), but only 2 assignment(s) were specified.
            a: INVALID_REPLICA_ASSIGNMENT: The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with previous partitions, which have 2 replica(s).
            a: added
            a: added
            a: POLICY_VIOLATION: Excessively large number of partitions per request."#]],
    );
    assert_eq!(world.image.topic("a").expect("exists").partition_count(), 5);
}

#[test]
fn configs_are_set_deleted_appended_and_subtracted() {
    let mut world = World::with_brokers(&[1]);
    world.create(vec![topic("a", 1, 1)]);
    let resource = ConfigResource::Topic(TopicName::new("a").expect("valid"));
    let mut alter = |name: &str, op: AlterConfigOp| {
        let response = world.submit(ControllerRequest::IncrementalAlterConfigs(
            IncrementalAlterConfigs {
                resources: vec![ConfigAlteration {
                    resource: resource.clone(),
                    ops: vec![(name.to_owned(), op)],
                    replace: false,
                }],
                validate_only: false,
            },
        ));
        let ControllerResponse::IncrementalAlterConfigs(mut results) = response else {
            panic!("another answer")
        };
        match results.remove(0).1 {
            Ok(()) => format!("{name} = {:?}", world.image.config(&resource, name)),
            Err(error) => error.to_string(),
        }
    };
    let some = |value: &str| Some(value.to_owned());
    let out = [
        alter("cleanup.policy", AlterConfigOp::Append(some("compact"))),
        alter("cleanup.policy", AlterConfigOp::Subtract(some("delete"))),
        alter("cleanup.policy", AlterConfigOp::Subtract(some("compact"))),
        alter("cleanup.policy", AlterConfigOp::Append(some("delete"))),
        alter("cleanup.policy", AlterConfigOp::Set(some(""))),
        alter("cleanup.policy", AlterConfigOp::Set(some("delete,"))),
        alter("retention.ms", AlterConfigOp::Append(some("5"))),
        alter("retention.ms", AlterConfigOp::Set(some("5"))),
        alter("retention.ms", AlterConfigOp::Set(None)),
        alter("retention.ms", AlterConfigOp::Delete),
        alter("nonsense", AlterConfigOp::Set(some("5"))),
    ];
    check(
        &out.join("\n"),
        expect![[r#"
            cleanup.policy = Some("delete,compact")
            cleanup.policy = Some("compact")
            cleanup.policy = Some("")
            cleanup.policy = Some("delete")
            cleanup.policy = Some("")
            INVALID_CONFIG: Configuration 'cleanup.policy' values must not be empty.
            INVALID_CONFIG: Can't APPEND to key retention.ms because its type is not LIST.
            retention.ms = Some("5")
            INVALID_REQUEST: Null value not supported for : retention.ms
            retention.ms = None
            INVALID_CONFIG: Unknown topic config name: nonsense"#]],
    );
}

/// How setting each of `configs`, or deleting it, ends.
fn alter_all(
    world: &mut World,
    resource: &ConfigResource,
    configs: &[(String, Option<String>)],
) -> Result<(), ApiError> {
    let op = |(name, value): &(String, Option<String>)| {
        let op = match value {
            Some(_) => AlterConfigOp::Set(value.clone()),
            None => AlterConfigOp::Delete,
        };
        (name.clone(), op)
    };
    let request = IncrementalAlterConfigs {
        resources: vec![ConfigAlteration {
            resource: resource.clone(),
            ops: configs.iter().map(op).collect(),
            replace: false,
        }],
        validate_only: false,
    };
    match world.submit(ControllerRequest::IncrementalAlterConfigs(request)) {
        ControllerResponse::IncrementalAlterConfigs(mut results) => results.remove(0).1,
        _ => panic!("another answer"),
    }
}

#[test]
fn the_cluster_keeps_its_min_isr_and_has_room_for_it() {
    let mut world = World::with_brokers(&[1]);
    let cluster = ConfigResource::ClusterDefault;
    let many: Vec<_> = (0..1_000)
        .map(|n| (format!("plugin.{n}"), Some("x".to_owned())))
        .collect();
    alter_all(&mut world, &cluster, &many).expect("fits");
    let one = |name: &str, value: Option<&str>| [(name.to_owned(), value.map(str::to_owned))];
    let more = alter_all(&mut world, &cluster, &one("plugin.more", Some("x")));
    assert_eq!(
        more.expect_err("is one too many").code,
        ErrorCode::PolicyViolation
    );
    let name = "min.insync.replicas";
    alter_all(&mut world, &cluster, &one(name, None)).expect("there is none");
    alter_all(&mut world, &cluster, &one(name, Some("1"))).expect("has its place");
    let refused = alter_all(&mut world, &cluster, &one(name, None)).expect_err("is kept");
    check(
        &refused.to_string(),
        expect![
            "INVALID_CONFIG: Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
        ],
    );
}

#[test]
fn configurations_are_bounded_in_bytes_and_names_too() {
    let mut world = World::with_brokers(&[1]);
    let code = |done: Result<(), ApiError>| done.map_err(|error| error.code);
    let too_much = Err(ErrorCode::PolicyViolation);
    let long: Vec<_> = (0..33)
        .map(|n| (format!("plugin.{n}"), Some("x".repeat(32_000))))
        .collect();
    let cluster = ConfigResource::ClusterDefault;
    assert_eq!(code(alter_all(&mut world, &cluster, &long)), too_much);
    assert_eq!(code(alter_all(&mut world, &cluster, &long[..32])), Ok(()));
    let timeout = [(
        "consumer.session.timeout.ms".to_owned(),
        Some("50000".to_owned()),
    )];
    for (length, wanted) in [(256, too_much), (255, Ok(()))] {
        let group = ConfigResource::Group("g".repeat(length));
        assert_eq!(code(alter_all(&mut world, &group, &timeout)), wanted);
    }
    let mut bloated = topic("a", 1, 1);
    let list = "1:1,".repeat(10_000);
    let throttled = "leader.replication.throttled.replicas";
    bloated.configs = vec![(throttled.to_owned(), Some(format!("{list}1:1")))];
    let response = world.submit(ControllerRequest::CreateTopics(CreateTopics {
        topics: vec![bloated],
        validate_only: false,
    }));
    let ControllerResponse::CreateTopics(mut results) = response else {
        panic!("another answer")
    };
    let refused = results.remove(0).1.expect_err("is too long");
    assert_eq!(refused.code, ErrorCode::PolicyViolation);
}

#[test]
fn an_entry_decided_on_another_state_changes_nothing() {
    let mut world = World::with_brokers(&[1]);
    let stale = world.image.last_decision().expect("decided");
    world.create(vec![topic("a", 1, 1)]);
    let before = world.image.clone();
    let records = vec![MetadataRecord::TopicDeleted {
        id: world.topic_id("a"),
    }];
    let index = LogIndex::new(world.log.len() as u64);
    let outcome = world
        .image
        .apply(index, &MetadataEntry::decided(stale, records));
    assert_eq!(outcome, ApplyOutcome::Conflict);
    assert_eq!(world.image.applied(), Some(index));
    assert_eq!(world.image.last_decision(), before.last_decision());
    assert!(world.image.topic("a").is_some());
}

#[test]
fn a_barrier_voids_what_was_decided_before_it() {
    let mut world = World::with_brokers(&[1]);
    let earlier = world.image.last_decision().expect("decided");
    world.write(MetadataEntry::barrier());
    let index = LogIndex::new(world.log.len() as u64);
    let late = MetadataEntry::decided(
        earlier,
        vec![MetadataRecord::BrokerRemoved { node: node(1) }],
    );
    assert_eq!(world.image.apply(index, &late), ApplyOutcome::Conflict);
    assert!(world.image.broker(node(1)).is_some());
}

#[test]
fn requests_of_one_batch_see_each_other() {
    let world = World::with_brokers(&[1]);
    let create = ControllerRequest::CreateTopics(CreateTopics {
        topics: vec![topic("a", 1, 1)],
        validate_only: false,
    });
    let mut batch = DecisionBatch::new(&world.controller, &world.image);
    let mut random = Seeded(3);
    let answers = [1, 2].map(|_| batch.decide(&create, &mut random).expect("fits"));
    let ControllerResponse::CreateTopics(second) = &answers[1] else {
        panic!("another answer")
    };
    let error = second[0].1.as_ref().expect_err("exists by then");
    assert_eq!(error.code, ErrorCode::TopicAlreadyExists);
}

/// A step of a random history.
fn request() -> impl Strategy<Value = (u8, i32, u8)> {
    (0_u8..8, 1_i32..4, 0_u8..4)
}

proptest! {
    /// Replaying the log gives the image that the controller worked on; so does a snapshot taken
    /// anywhere with the rest of the log behind it; and every entry reads back from its bytes.
    #[test]
    fn replay_and_snapshot_give_the_image_that_was_decided_on(
        steps in proptest::collection::vec(request(), 1..60),
        cut: prop::sample::Index,
    ) {
        let mut world = World::with_brokers(&[1, 2, 3]);
        for (kind, id, n) in steps {
            let name = format!("t.{n}");
            match kind {
                0 => { world.register(id, DirectoryState::Intact); }
                1 => { world.status(id, WantedStatus::Unfenced); }
                2 => { world.status(id, WantedStatus::Fenced); }
                3 => { world.create(vec![topic(&name, i32::from(n) + 1, -1)]); }
                4 => {
                    world.submit(ControllerRequest::DeleteTopics(DeleteTopics {
                        topics: vec![TopicRef::Name(name)],
                    }));
                }
                5 => {
                    world.submit(ControllerRequest::CreatePartitions(CreatePartitions {
                        topics: vec![CreatePartitionsTopic { name, count: 6, assignments: None }],
                        validate_only: false,
                    }));
                }
                6 => { world.status(id, WantedStatus::ShuttingDown); }
                _ => {
                    let incarnation = world.incarnation(id);
                    world.submit(ControllerRequest::AllocateProducerIds { node: node(id), incarnation });
                }
            }
            for topic in world.image.topics() {
                for (_, p) in topic.partitions() {
                    // I5: who is fenced leads nothing and is in no ISR.
                    prop_assert!(p.leader.is_none_or(|l| world.image.is_active(l)));
                    prop_assert!(p.isr.iter().all(|n| world.image.is_active(*n)));
                    prop_assert!(p.leader.is_none_or(|l| p.isr.contains(&l)));
                }
            }
        }
        let mut replayed = MetadataImage::default();
        let cut = cut.index(world.log.len());
        for (index, entry) in world.log.iter().enumerate() {
            let bytes = entry.encode().expect("small");
            let entry = MetadataEntry::decode(&bytes).expect("reads back");
            replayed.apply(LogIndex::new(index as u64), &entry);
            if index == cut {
                replayed = MetadataImage::decode(&replayed.encode()).expect("reads back");
            }
        }
        prop_assert_eq!(replayed, world.image);
    }
}
