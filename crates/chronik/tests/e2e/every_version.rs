//! Every advertised (API, version) is asked for on the wire and answered in that version.
//!
//! Holds the advertised table and the handlers together: a field that a version does not have
//! would end the connection instead of being answered.

use chronik_client::Connection;
use chronik_protocol::generated as m;
use chronik_protocol::{ApiKey, BatchBuilder, Codec, Request};

use crate::node::{Node, data_dir};

const TOPIC: &str = "every-version";

/// Asks in every version that is advertised and that the request has.
async fn ask_all<R: Request + 'static>(
    connection: &Connection,
    advertised: &[(i16, i16, i16)],
    asked: &mut Vec<i16>,
    make: impl Fn(i16) -> R,
) {
    let key = R::KEY as i16;
    let (_, min, max) = *advertised
        .iter()
        .find(|(api, ..)| *api == key)
        .unwrap_or_else(|| panic!("{} is not advertised", R::KEY.name()));
    // Produce is advertised from 0 for the sake of old clients; 3 is the first that is served.
    let first = if R::KEY == ApiKey::Produce { 3 } else { min };
    for version in first..=max {
        connection
            .call(&make(version), version)
            .await
            .unwrap_or_else(|error| panic!("{} v{version}: {error}", R::KEY.name()));
    }
    asked.push(key);
}

fn batch() -> bytes::Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder
        .push(1_700_000_000_000, Some(b"k"), Some(b"v"), &[])
        .unwrap();
    builder.build().unwrap()
}

#[tokio::test]
async fn every_advertised_version_is_answered() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    let versions = connection
        .call(&m::ApiVersionsRequest::default(), 0)
        .await
        .unwrap();
    let advertised: Vec<(i16, i16, i16)> = versions
        .api_keys
        .iter()
        .map(|api| (api.api_key, api.min_version, api.max_version))
        .collect();
    let mut asked = Vec::new();
    let c = &connection;
    let a = &advertised[..];

    ask_all(c, a, &mut asked, |_| m::ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
    })
    .await;
    ask_all(c, a, &mut asked, |version| m::CreateTopicsRequest {
        topics: vec![m::create_topics_request::CreatableTopic {
            name: format!("{TOPIC}-{version}").into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        }],
        timeout_ms: 10_000,
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::MetadataRequest {
        topics: Some(vec![m::metadata_request::MetadataRequestTopic {
            name: Some(TOPIC.into()),
            ..Default::default()
        }]),
        allow_auto_topic_creation: true,
        ..Default::default()
    })
    .await;
    let id = topic_id(c).await;
    ask_all(c, a, &mut asked, |version| m::ProduceRequest {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![m::produce_request::TopicProduceData {
            name: if version < 13 {
                TOPIC.into()
            } else {
                "".into()
            },
            topic_id: if version >= 13 {
                id
            } else {
                Default::default()
            },
            partition_data: vec![m::produce_request::PartitionProduceData {
                index: 0,
                records: Some(batch()),
            }],
        }],
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |version| m::FetchRequest {
        max_wait_ms: 10,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![m::fetch_request::FetchTopic {
            topic: if version < 13 {
                TOPIC.into()
            } else {
                "".into()
            },
            topic_id: if version >= 13 {
                id
            } else {
                Default::default()
            },
            partitions: vec![m::fetch_request::FetchPartition {
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
        }],
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::ListOffsetsRequest {
        replica_id: -1,
        topics: vec![m::list_offsets_request::ListOffsetsTopic {
            name: TOPIC.into(),
            partitions: vec![m::list_offsets_request::ListOffsetsPartition {
                timestamp: -1,
                ..Default::default()
            }],
        }],
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::OffsetForLeaderEpochRequest {
        replica_id: if c.is_closed() { 0 } else { -1 },
        topics: vec![m::offset_for_leader_epoch_request::OffsetForLeaderTopic {
            topic: TOPIC.into(),
            partitions: vec![Default::default()],
        }],
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::InitProducerIdRequest {
        transactional_id: None,
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::CreatePartitionsRequest {
        topics: vec![m::create_partitions_request::CreatePartitionsTopic {
            name: TOPIC.into(),
            count: 3,
            assignments: None,
        }],
        timeout_ms: 10_000,
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::DeleteRecordsRequest {
        topics: vec![m::delete_records_request::DeleteRecordsTopic {
            name: TOPIC.into(),
            partitions: vec![Default::default()],
        }],
        timeout_ms: 10_000,
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::DescribeConfigsRequest {
        resources: vec![
            m::describe_configs_request::DescribeConfigsResource {
                resource_type: 2,
                resource_name: TOPIC.into(),
                configuration_keys: None,
            },
            m::describe_configs_request::DescribeConfigsResource {
                resource_type: 4,
                resource_name: "1".into(),
                configuration_keys: None,
            },
        ],
        include_synonyms: true,
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::IncrementalAlterConfigsRequest {
        resources: vec![m::incremental_alter_configs_request::AlterConfigsResource {
            resource_type: 2,
            resource_name: TOPIC.into(),
            configs: vec![m::incremental_alter_configs_request::AlterableConfig {
                name: "retention.ms".into(),
                config_operation: 0,
                value: Some("3600000".into()),
            }],
        }],
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::AlterConfigsRequest {
        resources: vec![m::alter_configs_request::AlterConfigsResource {
            resource_type: 2,
            resource_name: TOPIC.into(),
            configs: Vec::new(),
        }],
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |version| m::ListConfigResourcesRequest {
        resource_types: if version == 0 { Vec::new() } else { vec![2, 4] },
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::DescribeLogDirsRequest {
        topics: None,
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::DescribeClusterRequest {
        endpoint_type: 1,
        ..Default::default()
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::DescribeProducersRequest {
        topics: vec![m::describe_producers_request::TopicRequest {
            name: TOPIC.into(),
            partition_indexes: vec![0],
        }],
    })
    .await;
    ask_all(c, a, &mut asked, |_| m::DescribeTopicPartitionsRequest {
        topics: Vec::new(),
        response_partition_limit: 10,
        cursor: None,
    })
    .await;
    ask_all(c, a, &mut asked, |version| m::DeleteTopicsRequest {
        topic_names: if version < 6 {
            vec![format!("{TOPIC}-2").into()]
        } else {
            Vec::new()
        },
        topics: if version < 6 {
            Vec::new()
        } else {
            vec![m::delete_topics_request::DeleteTopicState {
                name: Some(format!("{TOPIC}-3").into()),
                ..Default::default()
            }]
        },
        timeout_ms: 10_000,
    })
    .await;
    ask_groups(c, a, &mut asked, id).await;

    let mut keys: Vec<i16> = advertised.iter().map(|(key, ..)| *key).collect();
    keys.sort_unstable();
    asked.sort_unstable();
    assert_eq!(asked, keys, "an advertised API is not asked for here");
}

/// The APIs of consumer groups, each version with a group of its own where it changes one.
async fn ask_groups(
    c: &Connection,
    a: &[(i16, i16, i16)],
    asked: &mut Vec<i16>,
    id: chronik_types::Uuid,
) {
    ask_all(c, a, asked, |version| m::FindCoordinatorRequest {
        key: if version < 4 { "g".into() } else { "".into() },
        coordinator_keys: if version < 4 {
            Vec::new()
        } else {
            vec!["g".into()]
        },
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |version| m::JoinGroupRequest {
        group_id: format!("g-{version}").into(),
        // Refused, in the form of every version: a join is answered only once others had time.
        session_timeout_ms: 1,
        protocol_type: "consumer".into(),
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |_| m::SyncGroupRequest {
        group_id: "g".into(),
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |_| m::HeartbeatRequest {
        group_id: "g".into(),
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |version| m::LeaveGroupRequest {
        group_id: "g".into(),
        members: if version < 3 {
            Vec::new()
        } else {
            vec![Default::default()]
        },
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |version| m::OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![m::offset_commit_request::OffsetCommitRequestTopic {
            name: if version < 10 {
                TOPIC.into()
            } else {
                "".into()
            },
            topic_id: if version < 10 { Default::default() } else { id },
            partitions: vec![Default::default()],
        }],
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |version| m::OffsetFetchRequest {
        group_id: if version < 8 { "g".into() } else { "".into() },
        topics: if version < 8 {
            Some(vec![m::offset_fetch_request::OffsetFetchRequestTopic {
                name: TOPIC.into(),
                partition_indexes: vec![0, 1],
            }])
        } else {
            m::OffsetFetchRequest::default().topics
        },
        groups: if version < 8 {
            Vec::new()
        } else {
            vec![m::offset_fetch_request::OffsetFetchRequestGroup {
                group_id: "g".into(),
                member_epoch: -1,
                ..Default::default()
            }]
        },
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |_| m::DescribeGroupsRequest {
        groups: vec!["g".into(), "none".into()],
        ..Default::default()
    })
    .await;
    ask_all(c, a, asked, |_| m::ListGroupsRequest::default()).await;
    ask_all(c, a, asked, |_| m::OffsetDeleteRequest {
        group_id: "g".into(),
        topics: vec![m::offset_delete_request::OffsetDeleteRequestTopic {
            name: TOPIC.into(),
            partitions: vec![Default::default()],
        }],
    })
    .await;
    ask_all(c, a, asked, |_| m::DeleteGroupsRequest {
        groups_names: vec!["none".into()],
    })
    .await;
}

async fn topic_id(connection: &Connection) -> chronik_types::Uuid {
    let request = m::MetadataRequest {
        topics: Some(vec![m::metadata_request::MetadataRequestTopic {
            name: Some(TOPIC.into()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let response = connection.call(&request, 12).await.unwrap();
    assert_eq!(response.topics[0].error_code, 0);
    response.topics[0].topic_id
}

/// Null where Kafka 4.3.1 sends null and empty where it sends that: clients print what is there.
#[tokio::test]
async fn what_went_well_has_kafkas_error_message() {
    let dir = data_dir();
    let node = Node::start(dir.path());
    let connection = Connection::connect(&node.kafka).await.unwrap();
    let create = m::CreateTopicsRequest {
        topics: vec![m::create_topics_request::CreatableTopic {
            name: TOPIC.into(),
            num_partitions: 1,
            replication_factor: 1,
            ..Default::default()
        }],
        timeout_ms: 10_000,
        ..Default::default()
    };
    let created = connection.call(&create, 7).await.unwrap();
    assert_eq!(created.topics[0].error_message, None);
    let alter = m::IncrementalAlterConfigsRequest {
        resources: vec![m::incremental_alter_configs_request::AlterConfigsResource {
            resource_type: 2,
            resource_name: TOPIC.into(),
            configs: vec![m::incremental_alter_configs_request::AlterableConfig {
                name: "retention.ms".into(),
                config_operation: 0,
                value: Some("3600000".into()),
            }],
        }],
        ..Default::default()
    };
    let altered = connection.call(&alter, 1).await.unwrap();
    assert_eq!(altered.responses[0].error_message, None);
    for name in [TOPIC, "no-such-topic"] {
        let describe = m::DescribeConfigsRequest {
            resources: vec![m::describe_configs_request::DescribeConfigsResource {
                resource_type: 2,
                resource_name: name.into(),
                configuration_keys: None,
            }],
            ..Default::default()
        };
        let described = connection.call(&describe, 4).await.unwrap();
        let message = described.results[0].error_message.as_deref();
        assert_eq!(message, Some(""), "{name}");
    }
}
