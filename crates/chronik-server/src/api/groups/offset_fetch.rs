//! OffsetFetch: v1-v10. How far groups have read.
//!
//! Behaviour: an offset that was never committed is -1, without an error. What is answered is
//! committed: the answer waits for commits under way.
//! Version notes: v2 all topics and an error of the whole; v5 leader epochs; v7 require stable;
//! v8 many groups (KIP-709); v10 topic ids.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chronik_controller::MetadataImage;
use chronik_coordinator::{FetchTopic, OffsetFetch as Fetch, Request};
use chronik_protocol::Str;
use chronik_protocol::generated::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use chronik_protocol::generated::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use chronik_protocol::generated::{OffsetFetchRequest, OffsetFetchResponse};
use chronik_types::{ErrorCode, PartitionId, Uuid};

use super::super::{Context, Handled, Handler};
use super::{ask, expect_reply, topic};

pub(in crate::api) struct OffsetFetch;

/// The first version with topic ids instead of names.
const IDS: i16 = 10;

impl Handler for OffsetFetch {
    type Request = OffsetFetchRequest;
    const VERSIONS: RangeInclusive<i16> = 1..=10;

    async fn handle(context: Context, request: OffsetFetchRequest) -> Handled<OffsetFetchResponse> {
        let require_stable = request.require_stable;
        if context.version >= 8 {
            let (mut groups, mut asked) = (Vec::new(), BTreeSet::new());
            for group in request.groups {
                // One that is named again is answered once.
                if !asked.insert(group.group_id.clone()) {
                    continue;
                }
                groups.push(fetch(&context, group, require_stable).await);
            }
            return OffsetFetchResponse {
                groups,
                ..OffsetFetchResponse::default()
            }
            .into();
        }
        let topics = request.topics.map(|topics| {
            let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
                name: topic.name,
                topic_id: Uuid::ZERO,
                partition_indexes: topic.partition_indexes,
            });
            topics.collect()
        });
        let only = OffsetFetchRequestGroup {
            group_id: request.group_id,
            topics,
            ..OffsetFetchRequestGroup::default()
        };
        of_one(fetch(&context, only, require_stable).await).into()
    }
}

async fn fetch(
    context: &Context,
    asked: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let image = context.node.image();
    let by_id = context.version >= IDS;
    let mut unknown = Vec::new();
    let topics = asked.topics.as_ref().map(|topics| {
        let known = topics.iter().filter_map(|asked| {
            // By name a topic need not exist: offsets outlive it for a while.
            let found = topic(&image, by_id, &asked.name, asked.topic_id).ok();
            if by_id && found.is_none() {
                unknown.push(failed(asked, ErrorCode::UnknownTopicId));
                return None;
            }
            Some(FetchTopic {
                name: found.map_or_else(|| asked.name.clone(), |found| found.name.as_str().into()),
                topic_id: found.filter(|_| by_id).map(|found| found.id),
                partitions: numbers(&asked.partition_indexes),
            })
        });
        known.collect()
    });
    let request = Request::OffsetFetch(Fetch {
        group: asked.group_id.clone(),
        topics,
        require_stable,
    });
    let mut response = match ask(context, &asked.group_id, request).await {
        Ok(reply) => expect_reply!(reply, OffsetFetch),
        Err(code) => return refused(context, asked, code),
    };
    if by_id {
        with_ids(&image, &mut response.topics);
    }
    response.topics.extend(unknown);
    if context.version < 2 && response.error_code != 0 {
        let code =
            ErrorCode::from_code(response.error_code).unwrap_or(ErrorCode::UnknownServerError);
        return refused(context, asked, code);
    }
    response
}

fn numbers(indexes: &[i32]) -> Vec<PartitionId> {
    indexes
        .iter()
        .map(|index| PartitionId::new(*index))
        .collect()
}

/// Offsets of topics that are no more have no id to be told by.
fn with_ids(image: &MetadataImage, topics: &mut Vec<OffsetFetchResponseTopics>) {
    topics.retain_mut(|answer| match image.topic(&answer.name) {
        Some(found) => {
            answer.topic_id = found.id.get();
            answer.name = Str::default();
            true
        }
        None => false,
    });
}

fn failed(asked: &OffsetFetchRequestTopics, code: ErrorCode) -> OffsetFetchResponseTopics {
    let partitions = asked.partition_indexes.iter();
    OffsetFetchResponseTopics {
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        partitions: partitions
            .map(|index| OffsetFetchResponsePartitions {
                partition_index: *index,
                committed_offset: -1,
                committed_leader_epoch: -1,
                metadata: Some(Str::default()),
                error_code: code.code(),
            })
            .collect(),
    }
}

/// An error of the whole group; v1 can say it only of every partition.
fn refused(
    context: &Context,
    asked: OffsetFetchRequestGroup,
    code: ErrorCode,
) -> OffsetFetchResponseGroup {
    if context.version < 2 {
        let topics = asked.topics.iter().flatten();
        return OffsetFetchResponseGroup {
            group_id: asked.group_id,
            topics: topics.map(|topic| failed(topic, code)).collect(),
            error_code: 0,
        };
    }
    OffsetFetchResponseGroup {
        group_id: asked.group_id,
        topics: Vec::new(),
        error_code: code.code(),
    }
}

/// The form before v8.
fn of_one(group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter();
        OffsetFetchResponseTopic {
            name: topic.name,
            partitions: partitions
                .map(|part| OffsetFetchResponsePartition {
                    partition_index: part.partition_index,
                    committed_offset: part.committed_offset,
                    committed_leader_epoch: part.committed_leader_epoch,
                    metadata: part.metadata,
                    error_code: part.error_code,
                })
                .collect(),
        }
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code: group.error_code,
        ..OffsetFetchResponse::default()
    }
}
