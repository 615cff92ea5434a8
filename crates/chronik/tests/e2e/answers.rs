//! Answers to requests that contradict or repeat themselves, as Kafka 4.3.1 gives them.

use std::collections::BTreeMap;

use chronik_client::Connection;
use chronik_protocol::{Codec, generated as m};
use chronik_types::{ErrorCode, Uuid};
use expect_test::expect;

use crate::node::{Node, data_dir};
use crate::wire::{batch, create_topic, produce};

const TOPIC_OPERATIONS: i32 = 0x0df8;
const CLUSTER_OPERATIONS: i32 = 0x1fa0;

fn name(code: i16) -> &'static str {
    ErrorCode::from_code(code).map_or("none", ErrorCode::name)
}

/// A node with a topic of each name.
async fn start(dir: &tempfile::TempDir, topics: &[&str]) -> (Node, Connection) {
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    for topic in topics {
        create_topic(&connection, topic, &[]).await;
    }
    (node, connection)
}

fn asked(id: Uuid, name: Option<&str>) -> m::metadata_request::MetadataRequestTopic {
    m::metadata_request::MetadataRequestTopic {
        topic_id: id,
        name: name.map(Into::into),
    }
}

/// Code, name and whether the id is the one asked for, sorted: Kafka has no order here.
async fn metadata(
    connection: &Connection,
    version: i16,
    topics: Vec<m::metadata_request::MetadataRequestTopic>,
) -> Vec<(&'static str, Option<String>, Uuid)> {
    let request = m::MetadataRequest {
        topics: Some(topics),
        ..Default::default()
    };
    let response = connection.call(&request, version).await.unwrap();
    let topics = response.topics.into_iter();
    let mut answers: Vec<_> = topics
        .map(|topic| {
            let answered = topic.name.map(|name| name.to_string());
            (name(topic.error_code), answered, topic.topic_id)
        })
        .collect();
    answers.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    answers
}

#[tokio::test]
async fn topics_are_told_by_id_where_one_is_asked_for_by_id() {
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["told", "other"]).await;
    let known = metadata(&connection, 12, vec![asked(Uuid::default(), Some("told"))]).await;
    let id = known[0].2;
    let unknown = Uuid::from_bytes([7; 16]);
    let topics = vec![
        asked(id, Some("")),
        asked(id, None),
        asked(Uuid::default(), Some("other")),
        asked(unknown, None),
    ];
    assert_eq!(
        metadata(&connection, 12, topics).await,
        [
            ("NONE", Some("told".to_owned()), id),
            ("UNKNOWN_TOPIC_ID", None, unknown)
        ]
    );
    // These versions have the fields but not the meaning: none of the request is answered.
    let topics = vec![asked(id, None), asked(Uuid::default(), Some("told"))];
    assert_eq!(
        metadata(&connection, 11, topics).await,
        [
            ("INVALID_REQUEST", Some(String::new()), id),
            ("INVALID_REQUEST", Some("told".to_owned()), Uuid::default())
        ]
    );
}

#[tokio::test]
async fn all_operations_are_authorised() {
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["open"]).await;
    let request = m::MetadataRequest {
        topics: Some(vec![asked(Uuid::default(), Some("open"))]),
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
        ..Default::default()
    };
    let response = connection.call(&request, 10).await.unwrap();
    assert_eq!(response.cluster_authorized_operations, CLUSTER_OPERATIONS);
    let topic = &response.topics[0];
    assert_eq!(topic.topic_authorized_operations, TOPIC_OPERATIONS);
    let request = m::DescribeClusterRequest {
        include_cluster_authorized_operations: true,
        ..Default::default()
    };
    let response = connection.call(&request, 1).await.unwrap();
    assert_eq!(response.cluster_authorized_operations, CLUSTER_OPERATIONS);
    let mut request = m::DescribeTopicPartitionsRequest {
        topics: vec![m::describe_topic_partitions_request::TopicRequest {
            name: "open".into(),
        }],
        response_partition_limit: 10,
        cursor: None,
    };
    let response = connection.call(&request, 0).await.unwrap();
    let topic = &response.topics[0];
    assert_eq!(topic.topic_authorized_operations, TOPIC_OPERATIONS);
    request.cursor = Some(m::describe_topic_partitions_request::Cursor {
        topic_name: "open".into(),
        partition_index: -1,
    });
    let response = connection.call(&request, 0).await.unwrap();
    assert_eq!(name(response.topics[0].error_code), "INVALID_REQUEST");
}

#[tokio::test]
async fn a_topic_to_delete_has_a_name_or_an_id() {
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["kept", "gone"]).await;
    let known = metadata(&connection, 12, vec![asked(Uuid::default(), Some("kept"))]).await;
    let id = known[0].2;
    let state = |name: Option<&str>, topic_id: Uuid| m::delete_topics_request::DeleteTopicState {
        name: name.map(Into::into),
        topic_id,
    };
    let request = m::DeleteTopicsRequest {
        topics: vec![
            state(Some("kept"), id),
            state(None, Uuid::default()),
            state(Some("gone"), Uuid::default()),
        ],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let response = connection.call(&request, 6).await.unwrap();
    let mut answers: Vec<String> = response
        .responses
        .iter()
        .map(|answer| {
            let topic = answer.name.as_deref().unwrap_or("null");
            let text = answer.error_message.as_deref().unwrap_or("");
            format!("{topic}: {} {text}", name(answer.error_code))
        })
        .collect();
    answers.sort_unstable();
    expect![[r#"
        gone: NONE 
        kept: INVALID_REQUEST You may not specify both topic name and topic id.
        null: INVALID_REQUEST Neither topic name nor id were specified."#]]
    .assert_eq(&answers.join("\n"));
}

/// What a topic's alteration is answered.
async fn alter(connection: &Connection, changes: &[(&str, &str, Option<&str>)]) -> String {
    use m::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let resources = changes
        .iter()
        .map(|(topic, name, value)| AlterConfigsResource {
            resource_type: 2,
            resource_name: (*topic).into(),
            configs: vec![AlterableConfig {
                name: (*name).into(),
                config_operation: 0,
                value: value.map(Into::into),
            }],
        });
    let request = m::IncrementalAlterConfigsRequest {
        resources: resources.collect(),
        ..Default::default()
    };
    let response = connection.call(&request, 1).await.unwrap();
    let lines: Vec<String> = response
        .responses
        .iter()
        .map(|answer| {
            let text = answer.error_message.as_deref().unwrap_or("");
            let code = name(answer.error_code);
            format!("{}: {code} {text}", answer.resource_name)
        })
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_resource_that_is_altered_twice_is_refused_at_each_place() {
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["twice", "once"]).await;
    let changes = [
        ("twice", "retention.ms", Some("5")),
        ("once", "cleanup.policy", Some("")),
        ("twice", "retention.ms", Some("6")),
    ];
    let mut answers = alter(&connection, &changes).await;
    for (name, value) in [
        ("retention.ms", None),
        ("cleanup.policy", Some("delete,")),
        ("cleanup.policy", Some("delete,delete")),
        ("cleanup.policy", Some("delete,shred")),
        ("remote.storage.enable", Some("true")),
    ] {
        answers.push('\n');
        answers += &alter(&connection, &[("once", name, value)]).await;
    }
    expect![[r#"
        twice: INVALID_REQUEST Each resource must appear at most once.
        once: NONE 
        twice: INVALID_REQUEST Each resource must appear at most once.
        once: INVALID_REQUEST Null value not supported for : retention.ms
        once: INVALID_CONFIG Configuration 'cleanup.policy' values must not be empty.
        once: NONE 
        once: INVALID_CONFIG Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete
        once: INVALID_CONFIG Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."#]]
    .assert_eq(&answers);
}

#[tokio::test]
async fn records_of_compacted_and_internal_topics_are_not_deleted() {
    use m::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["deleted", "__transaction_state"]).await;
    let compact = [("cleanup.policy", "compact")];
    create_topic(&connection, "compacted", &compact).await;
    let both = [("cleanup.policy", "compact,delete")];
    create_topic(&connection, "both", &both).await;
    let names = [
        "deleted",
        "compacted",
        "both",
        "__transaction_state",
        "none",
    ];
    let request = m::DeleteRecordsRequest {
        topics: names
            .iter()
            .map(|name| DeleteRecordsTopic {
                name: (*name).into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: 0,
                    offset: -1,
                }],
            })
            .collect(),
        timeout_ms: 30_000,
    };
    let response = connection.call(&request, 2).await.unwrap();
    let answers: BTreeMap<&str, &str> = response
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), name(topic.partitions[0].error_code)))
        .collect();
    let expected = [
        ("__transaction_state", "INVALID_TOPIC_EXCEPTION"),
        ("both", "NONE"),
        ("compacted", "POLICY_VIOLATION"),
        ("deleted", "NONE"),
        ("none", "UNKNOWN_TOPIC_OR_PARTITION"),
    ];
    assert_eq!(answers, BTreeMap::from(expected));
}

/// Code, offset and epoch of each answer.
async fn list_offsets(
    connection: &Connection,
    topic: &str,
    asked: &[(i32, i64)],
) -> Vec<(&'static str, i64, i32)> {
    use m::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
    let request = m::ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: topic.into(),
            partitions: asked
                .iter()
                .map(|(index, timestamp)| ListOffsetsPartition {
                    partition_index: *index,
                    timestamp: *timestamp,
                    ..Default::default()
                })
                .collect(),
        }],
        ..Default::default()
    };
    let response = connection.call(&request, 7).await.unwrap();
    let answers = response.topics.iter().flat_map(|topic| &topic.partitions);
    answers
        .map(|answer| (name(answer.error_code), answer.offset, answer.leader_epoch))
        .collect()
}

#[tokio::test]
async fn a_partition_is_listed_once_and_its_start_has_the_epoch_of_its_record() {
    const LATEST: i64 = -1;
    const EARLIEST: i64 = -2;
    let dir = data_dir();
    let (node, connection) = start(&dir, &["listed", "empty"]).await;
    let twice = [(0, LATEST), (0, EARLIEST)];
    assert_eq!(
        list_offsets(&connection, "listed", &twice).await,
        [("INVALID_REQUEST", -1, -1)]
    );
    assert_eq!(
        list_offsets(&connection, "unknown", &[(0, -9), (1, EARLIEST)]).await,
        [
            ("UNSUPPORTED_VERSION", -1, -1),
            ("UNKNOWN_TOPIC_OR_PARTITION", -1, -1)
        ]
    );
    produce(&connection, "listed", batch(Codec::None, b"value")).await;
    drop(connection);
    assert_eq!(node.terminate(), Some(0));
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    let latest = list_offsets(&connection, "listed", &[(0, LATEST)]).await[0];
    assert!(latest.2 > 0, "the leader is in a new epoch: {latest:?}");
    assert_eq!(
        list_offsets(&connection, "listed", &[(0, EARLIEST)]).await,
        [("NONE", 0, 0)]
    );
    assert_eq!(
        list_offsets(&connection, "empty", &[(0, EARLIEST)]).await,
        [("NONE", 0, latest.2)]
    );
}

#[tokio::test]
async fn a_topic_is_listed_once_however_often_it_is_named() {
    use m::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["a", "b"]).await;
    let topic = |name: &str, partitions: &[i32]| ListOffsetsTopic {
        name: name.into(),
        partitions: partitions
            .iter()
            .map(|index| ListOffsetsPartition {
                partition_index: *index,
                timestamp: -1,
                ..Default::default()
            })
            .collect(),
    };
    let request = m::ListOffsetsRequest {
        replica_id: -1,
        topics: vec![
            topic("a", &[0]),
            topic("b", &[0]),
            topic("a", &[1]),
            topic("c", &[]),
        ],
        ..Default::default()
    };
    let response = connection.call(&request, 7).await.unwrap();
    let listed = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let codes = partitions.map(|p| (p.partition_index, name(p.error_code)));
        (topic.name.as_str(), codes.collect::<Vec<_>>())
    });
    let expected = [
        ("a", vec![(0, "NONE"), (1, "UNKNOWN_TOPIC_OR_PARTITION")]),
        ("b", vec![(0, "NONE")]),
    ];
    assert_eq!(listed.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn illegal_acks_are_told_of_partitions_that_there_are() {
    use m::produce_request::{PartitionProduceData, TopicProduceData};
    let dir = data_dir();
    let (_node, connection) = start(&dir, &["written"]).await;
    let topic = |name: &str, partitions: &[i32]| TopicProduceData {
        name: name.into(),
        partition_data: partitions
            .iter()
            .map(|index| PartitionProduceData {
                index: *index,
                records: Some(batch(Codec::None, b"value")),
            })
            .collect(),
        ..Default::default()
    };
    let request = m::ProduceRequest {
        acks: 5,
        timeout_ms: 30_000,
        transactional_id: None,
        topic_data: vec![topic("written", &[0, 9]), topic("unknown", &[0])],
    };
    let response = connection.call(&request, 9).await.unwrap();
    let mut answers = BTreeMap::new();
    for topic in &response.responses {
        for partition in &topic.partition_responses {
            let place = (topic.name.as_str(), partition.index);
            answers.insert(place, name(partition.error_code));
        }
    }
    let expected = [
        (("unknown", 0), "UNKNOWN_TOPIC_OR_PARTITION"),
        (("written", 0), "INVALID_REQUIRED_ACKS"),
        (("written", 9), "UNKNOWN_TOPIC_OR_PARTITION"),
    ];
    assert_eq!(answers, BTreeMap::from(expected));
}
