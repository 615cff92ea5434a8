//! DescribeTopicPartitions: v0. Topics page by page, with eligible leader replicas (KIP-966).
//!
//! Behaviour: topics in the order of their names, from the cursor on, until the limit of
//! partitions is reached; then a cursor says where to go on. Authorised operations are always told.

use std::ops::RangeInclusive;

use chronik_controller::{MetadataImage, TopicImage};
use chronik_protocol::generated::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use chronik_protocol::generated::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use chronik_types::{ErrorCode, NodeId, TopicName};

use super::{Context, Handled, Handler, authorized_operations};

/// Kafka's `max.request.partition.size.limit`.
const PARTITIONS_MAX: usize = 2000;

pub(super) struct DescribeTopicPartitions;

impl Handler for DescribeTopicPartitions {
    type Request = DescribeTopicPartitionsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=0;

    async fn handle(
        context: Context,
        request: DescribeTopicPartitionsRequest,
    ) -> Handled<DescribeTopicPartitionsResponse> {
        if request
            .cursor
            .as_ref()
            .is_some_and(|cursor| cursor.partition_index < 0)
        {
            return illegal_cursor(&request).into();
        }
        let image = context.node.image();
        let (first, mut skip) = match &request.cursor {
            Some(cursor) => (
                cursor.topic_name.as_str(),
                usize::try_from(cursor.partition_index).unwrap_or(0),
            ),
            None => ("", 0),
        };
        let mut names: Vec<&str> = if request.topics.is_empty() {
            image.topics().map(|topic| topic.name.as_str()).collect()
        } else {
            request
                .topics
                .iter()
                .map(|topic| topic.name.as_str())
                .collect()
        };
        names.sort_unstable();
        names.dedup();
        names.retain(|name| *name >= first);
        if names.first() != Some(&first) {
            skip = 0;
        }
        let limit = usize::try_from(request.response_partition_limit)
            .unwrap_or(0)
            .clamp(1, PARTITIONS_MAX);
        let mut response = DescribeTopicPartitionsResponse::default();
        let mut left = limit;
        for name in names {
            if left == 0 {
                response.next_cursor = Some(Cursor {
                    topic_name: name.into(),
                    partition_index: 0,
                });
                break;
            }
            let Some(topic) = image.topic(name) else {
                response.topics.push(unknown(name));
                continue;
            };
            let page = describe(&image, topic, skip, left);
            let reached = skip + page.partitions.len();
            left -= page.partitions.len();
            skip = 0;
            response.topics.push(page);
            if reached < topic.partition_count() {
                response.next_cursor = Some(Cursor {
                    topic_name: name.into(),
                    partition_index: i32::try_from(reached).unwrap_or(i32::MAX),
                });
                break;
            }
        }
        response.into()
    }
}

fn illegal_cursor(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let asked = request.topics.iter();
    DescribeTopicPartitionsResponse {
        topics: asked
            .map(|topic| DescribeTopicPartitionsResponseTopic {
                error_code: ErrorCode::InvalidRequest.code(),
                name: Some(topic.name.clone()),
                ..DescribeTopicPartitionsResponseTopic::default()
            })
            .collect(),
        ..DescribeTopicPartitionsResponse::default()
    }
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let code = match TopicName::new(name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.code(),
        name: Some(name.into()),
        topic_authorized_operations: authorized_operations::TOPIC,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn describe(
    image: &MetadataImage,
    topic: &TopicImage,
    skip: usize,
    limit: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.get()).collect::<Vec<i32>>();
    let partitions = topic.partitions().skip(skip).take(limit);
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.as_str().into()),
        topic_id: topic.id.get(),
        topic_authorized_operations: authorized_operations::TOPIC,
        is_internal: topic.name.is_internal(),
        partitions: partitions
            .map(|(id, state)| {
                let leader = state.leader.filter(|leader| image.is_active(*leader));
                let code = match leader {
                    Some(_) => ErrorCode::None,
                    None => ErrorCode::LeaderNotAvailable,
                };
                DescribeTopicPartitionsResponsePartition {
                    error_code: code.code(),
                    partition_index: id.get(),
                    leader_id: leader.map_or(-1, NodeId::get),
                    leader_epoch: state.leader_epoch.get(),
                    replica_nodes: ids(&state.replicas),
                    isr_nodes: ids(&state.isr),
                    eligible_leader_replicas: Some(ids(&state.elr)),
                    last_known_elr: Some(Vec::new()),
                    offline_replicas: state
                        .replicas
                        .iter()
                        .filter(|node| !image.is_active(**node))
                        .map(|node| node.get())
                        .collect(),
                }
            })
            .collect(),
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}
