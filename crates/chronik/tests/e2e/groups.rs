//! Consumer groups over the wire: what survives a `kill -9`, what a stranger may not do, and what
//! is to be seen.

use bytes::Bytes;
use chronik_client::{Connection, ConnectionOptions};
use chronik_protocol::{BatchBuilder, Codec, generated as m};
use chronik_types::ErrorCode;

use crate::node::{Node, data_dir};
use crate::wire::{batch, create_topic, produce};

const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A node whose groups do not wait for further members, and whose sessions may be short.
fn start(dir: &tempfile::TempDir) -> Node {
    let file = dir.path().join("chronik.toml");
    let settings = "[group]\ninitial.rebalance.delay.ms = 0\nmin.session.timeout.ms = 100\n";
    std::fs::write(&file, settings).unwrap();
    Node::start_with(
        &dir.path().join("data"),
        &["--config", file.to_str().unwrap()],
    )
}

async fn connect(node: &Node) -> Connection {
    let connection = Connection::connect(&node.kafka).await.unwrap();
    find(&connection).await;
    connection
}

/// Finds the coordinator, which makes its topic if need be.
async fn find(connection: &Connection) {
    let request = m::FindCoordinatorRequest {
        coordinator_keys: vec!["any".into()],
        ..Default::default()
    };
    let found = connection.call(&request, 6).await.unwrap();
    assert_eq!(found.coordinators[0].error_code, 0, "{found:?}");
}

fn name(code: i16) -> &'static str {
    ErrorCode::from_code(code).map_or("?", ErrorCode::name)
}

/// Who commits: nobody, or a member of a generation.
#[derive(Clone, Copy)]
struct As<'a> {
    generation: i32,
    member: &'a str,
}

const NOBODY: As<'_> = As {
    generation: -1,
    member: "",
};

async fn commit(
    connection: &Connection,
    group: &str,
    who: As<'_>,
    topic: &str,
    offset: i64,
) -> &'static str {
    let request = m::OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: who.generation,
        member_id: who.member.into(),
        topics: vec![m::offset_commit_request::OffsetCommitRequestTopic {
            name: topic.into(),
            partitions: vec![m::offset_commit_request::OffsetCommitRequestPartition {
                committed_offset: offset,
                committed_leader_epoch: -1,
                committed_metadata: Some("so far".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = connection.call(&request, 9).await.unwrap();
    name(response.topics[0].partitions[0].error_code)
}

/// The committed offset of partition 0; -1 if there is none.
async fn committed(connection: &Connection, group: &str, topic: &str) -> i64 {
    let request = m::OffsetFetchRequest {
        groups: vec![m::offset_fetch_request::OffsetFetchRequestGroup {
            group_id: group.into(),
            topics: Some(vec![m::offset_fetch_request::OffsetFetchRequestTopics {
                name: topic.into(),
                partition_indexes: vec![0],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = connection.call(&request, 9).await.unwrap();
    assert_eq!(response.groups[0].error_code, 0, "{response:?}");
    response.groups[0].topics[0].partitions[0].committed_offset
}

fn join_request(group: &str, member: &str, metadata: Bytes) -> m::JoinGroupRequest {
    m::JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![m::join_group_request::JoinGroupRequestProtocol {
            name: "range".into(),
            metadata,
        }],
        ..Default::default()
    }
}

/// Joins as the only member and assigns nothing to itself; its id and generation.
async fn join_alone(connection: &Connection, group: &str) -> (String, i32) {
    let first = join_request(group, "", Bytes::new());
    let asked = connection.call(&first, 9).await.unwrap();
    assert_eq!(name(asked.error_code), "MEMBER_ID_REQUIRED");
    let member = asked.member_id.to_string();
    let again = join_request(group, &member, Bytes::new());
    let joined = connection.call(&again, 9).await.unwrap();
    assert_eq!(name(joined.error_code), "NONE", "{joined:?}");
    let sync = m::SyncGroupRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: member.as_str().into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        ..Default::default()
    };
    let synced = connection.call(&sync, 5).await.unwrap();
    assert_eq!(name(synced.error_code), "NONE");
    (member, joined.generation_id)
}

async fn heartbeat(connection: &Connection, group: &str, who: As<'_>) -> &'static str {
    let request = m::HeartbeatRequest {
        group_id: group.into(),
        generation_id: who.generation,
        member_id: who.member.into(),
        ..Default::default()
    };
    name(connection.call(&request, 4).await.unwrap().error_code)
}

#[tokio::test]
async fn offsets_and_members_survive_a_kill() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    create_topic(&connection, "kept", &[]).await;
    for number in 0..200 {
        let group = format!("group-{number}");
        assert_eq!(
            commit(&connection, &group, NOBODY, "kept", number).await,
            "NONE"
        );
    }
    let (member, generation) = join_alone(&connection, "living").await;
    let who = As {
        generation,
        member: &member,
    };
    for offset in [5, 9, 7] {
        assert_eq!(
            commit(&connection, "living", who, "kept", offset).await,
            "NONE"
        );
    }
    node.kill();

    let node = start(&dir);
    let connection = connect(&node).await;
    for number in 0..200 {
        let group = format!("group-{number}");
        assert_eq!(committed(&connection, &group, "kept").await, number);
    }
    assert_eq!(committed(&connection, "living", "kept").await, 7);
    assert_eq!(heartbeat(&connection, "living", who).await, "NONE");
    assert_eq!(commit(&connection, "living", who, "kept", 8).await, "NONE");
}

#[tokio::test]
async fn who_is_not_of_the_generation_commits_nothing() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    create_topic(&connection, "fenced", &[]).await;
    let (member, generation) = join_alone(&connection, "g").await;
    let of = |generation, member| As { generation, member };
    let cases = [
        (of(generation - 1, member.as_str()), "ILLEGAL_GENERATION"),
        (of(generation + 1, member.as_str()), "ILLEGAL_GENERATION"),
        (of(generation, "somebody"), "UNKNOWN_MEMBER_ID"),
        (NOBODY, "UNKNOWN_MEMBER_ID"),
    ];
    for (who, answer) in cases {
        assert_eq!(commit(&connection, "g", who, "fenced", 3).await, answer);
        assert_eq!(committed(&connection, "g", "fenced").await, -1);
    }
    let no_group = commit(&connection, "none", of(1, "somebody"), "fenced", 3).await;
    assert_eq!(no_group, "GROUP_ID_NOT_FOUND");
    let no_topic = commit(&connection, "g", of(generation, &member), "no-topic", 3).await;
    assert_eq!(no_topic, "UNKNOWN_TOPIC_OR_PARTITION");
    // An offset beyond the log is the client's own business, as in Kafka.
    let beyond = commit(&connection, "g", of(generation, &member), "fenced", 1 << 40).await;
    assert_eq!(beyond, "NONE");
    assert_eq!(committed(&connection, "g", "fenced").await, 1 << 40);
}

#[tokio::test]
async fn any_group_name_and_a_megabyte_of_metadata_are_taken_or_refused_and_nothing_breaks() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    create_topic(&connection, "odd", &[]).await;
    for group in ["a b/c", "\u{1f600}", "\"\n\\", "..", &"x".repeat(30_000)] {
        assert_eq!(commit(&connection, group, NOBODY, "odd", 4).await, "NONE");
        assert_eq!(committed(&connection, group, "odd").await, 4);
    }
    let empty = join_request("", "", Bytes::new());
    let refused = connection.call(&empty, 9).await.unwrap();
    assert_eq!(name(refused.error_code), "INVALID_GROUP_ID");

    let blob = Bytes::from(vec![7; 1 << 20]);
    let asked = join_request("blob", "", blob.clone());
    let member = connection.call(&asked, 9).await.unwrap().member_id;
    let joined = join_request("blob", &member, blob.clone());
    let joined = connection.call(&joined, 9).await.unwrap();
    assert_eq!(name(joined.error_code), "NONE");
    assert_eq!(joined.members[0].metadata, blob);
    // An assignment that no record can hold is not stored, and the group is asked to try again.
    let sync = m::SyncGroupRequest {
        group_id: "blob".into(),
        generation_id: joined.generation_id,
        member_id: member.clone(),
        assignments: vec![m::sync_group_request::SyncGroupRequestAssignment {
            member_id: member,
            assignment: blob,
        }],
        ..Default::default()
    };
    let synced = connection.call(&sync, 3).await.unwrap();
    assert_eq!(name(synced.error_code), "UNKNOWN_SERVER_ERROR");
    assert_eq!(commit(&connection, "after", NOBODY, "odd", 1).await, "NONE");
}

#[tokio::test]
async fn a_member_that_goes_silent_is_removed_and_the_events_say_so() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    let asked = join_request("silent", "", Bytes::new());
    let member = connection.call(&asked, 9).await.unwrap().member_id;
    let mut joining = join_request("silent", &member, Bytes::new());
    joining.session_timeout_ms = 150;
    joining.rebalance_timeout_ms = 150;
    let joined = connection.call(&joining, 9).await.unwrap();
    assert_eq!(name(joined.error_code), "NONE");
    // It never syncs. Another one joins, and the group goes on without the first.
    let (second, generation) = join_alone(&connection, "silent").await;
    assert!(generation > joined.generation_id);
    let who = As {
        generation: joined.generation_id,
        member: &member,
    };
    assert_eq!(
        heartbeat(&connection, "silent", who).await,
        "UNKNOWN_MEMBER_ID"
    );

    let page = node.get("/groups/silent");
    assert!(page.contains("application/json"), "{page}");
    let body = page.split("\r\n\r\n").nth(1).unwrap();
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    let group = &json["groups"][0];
    assert_eq!(group["state"], "Stable");
    assert_eq!(group["members"][0]["id"], second.as_str());
    let events = group["events"].to_string();
    for said in [&*member, "joined", second.as_str()] {
        assert!(events.contains(said), "{said}: {events}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_passed_over_and_counted() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    create_topic(&connection, "t", &[]).await;
    // Only what calls itself Kafka's administration may write there, as with Kafka.
    let garbage = batch(Codec::None, b"no key");
    let refused = produce(&connection, OFFSETS_TOPIC, garbage).await.unwrap();
    assert_eq!(name(refused.0), "INVALID_TOPIC_EXCEPTION");
    let options = ConnectionOptions {
        client_id: "__admin_client".into(),
        ..Default::default()
    };
    let admin = Connection::connect_with(&node.kafka, options)
        .await
        .unwrap();
    // "a" is kept in partition 47 of 50; what is unreadable goes before its offset and after.
    let garbage = [
        (&b"\x00\x63"[..], &b"unknown type"[..]),
        (b"\x00\x01\x00\x09cut", b"malformed key"),
        (b"\x00\x02\x00\x01a", b"\x00\x63unknown version"),
        (b"\x00", b"no whole type"),
    ];
    for round in 0..2 {
        let mut builder = BatchBuilder::new(Codec::None);
        for (key, value) in garbage {
            builder.push(0, Some(key), Some(value), &[]).unwrap();
        }
        let request = m::ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![m::produce_request::TopicProduceData {
                name: OFFSETS_TOPIC.into(),
                partition_data: vec![m::produce_request::PartitionProduceData {
                    index: 47,
                    records: Some(builder.build().unwrap()),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let written = admin.call(&request, 9).await.unwrap();
        let code = written.responses[0].partition_responses[0].error_code;
        assert_eq!(name(code), "NONE");
        assert_eq!(
            commit(&connection, "a", NOBODY, "t", 20 + round).await,
            "NONE"
        );
    }
    node.kill();
    let node = start(&dir);
    let connection = connect(&node).await;
    assert_eq!(committed(&connection, "a", "t").await, 21);
    let metrics = node.get("/metrics");
    assert!(
        metrics.contains("chronik_group_records_unreadable 8\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn offsets_of_a_deleted_topic_go_with_it() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    create_topic(&connection, "short-lived", &[]).await;
    create_topic(&connection, "other", &[]).await;
    for topic in ["short-lived", "other"] {
        assert_eq!(commit(&connection, "g", NOBODY, topic, 3).await, "NONE");
    }
    let delete = m::DeleteTopicsRequest {
        topic_names: vec!["short-lived".into()],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let deleted = connection.call(&delete, 5).await.unwrap();
    assert_eq!(deleted.responses[0].error_code, 0);
    // Shards are told in the order of the metadata log: what is asked after this comes later.
    assert_eq!(committed(&connection, "g", "short-lived").await, -1);
    assert_eq!(committed(&connection, "g", "other").await, 3);
}

/// Everybody joins, is given an id, and leaves without a word: what a group holds for them stays
/// bounded, and another group goes on.
#[tokio::test]
async fn ten_thousand_members_that_come_and_go_leave_nothing_behind() {
    let dir = data_dir();
    let node = start(&dir);
    let connection = connect(&node).await;
    create_topic(&connection, "t", &[]).await;
    let before = node.vm_hwm_kib();
    for round in 0..100 {
        let joins: Vec<_> = (0..100)
            .map(|_| connection.send(&join_request("crowd", "", Bytes::from(vec![1; 1000])), 9))
            .collect();
        for join in joins {
            let answer = join.await.unwrap();
            assert_eq!(name(answer.error_code), "MEMBER_ID_REQUIRED", "{round}");
            let leave = m::LeaveGroupRequest {
                group_id: "crowd".into(),
                members: vec![m::leave_group_request::MemberIdentity {
                    member_id: answer.member_id,
                    ..Default::default()
                }],
                ..Default::default()
            };
            let left = connection.call(&leave, 5).await.unwrap();
            assert_eq!(name(left.members[0].error_code), "NONE");
        }
        assert_eq!(
            commit(&connection, "calm", NOBODY, "t", round).await,
            "NONE"
        );
    }
    let grown = node.vm_hwm_kib() - before;
    assert!(grown < 16 << 10, "{grown} KiB for members that are gone");
    let metrics = node.get("/metrics");
    assert!(metrics.contains("chronik_group_members 0\n"));
    assert!(
        metrics.contains("chronik_group_held_bytes 0\n"),
        "{metrics}"
    );
}
