//! ListOffsets: v1-v11.
//!
//! Behaviour: -1 latest (the high watermark, which is also the last stable offset while there are
//! no transactions), -2 earliest, -3 the greatest timestamp (v7), -4 earliest local (v8), -5 last
//! tiered (v9, none here), -6 earliest pending upload (v11, none here); a timestamp of 0 or more
//! asks for the first record at or after it and is answered -1/-1 where there is none. A partition
//! that is asked for twice is answered once, refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use chronik_io::task;
use chronik_protocol::Str;
use chronik_protocol::generated::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use chronik_protocol::generated::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionId, Timestamp, TopicId};

use super::{Context, Handled, Handler};
use crate::error_code::{of_partition, of_read};
use crate::partition::Partition;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

pub(super) struct ListOffsets;

impl Handler for ListOffsets {
    type Request = ListOffsetsRequest;
    const VERSIONS: RangeInclusive<i16> = 1..=11;

    async fn handle(context: Context, request: ListOffsetsRequest) -> Handled<ListOffsetsResponse> {
        let image = context.node.image();
        let mut duplicates = duplicates(&request.topics);
        let mut topics: Vec<ListOffsetsTopicResponse> = Vec::new();
        let mut places: BTreeMap<Str, usize> = BTreeMap::new();
        for topic in request.topics {
            let id = image.topic(&topic.name).map(|topic| topic.id);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in topic.partitions {
                let place = (topic.name.clone(), asked.partition_index);
                let found = match duplicates.get_mut(&place) {
                    Some(is_answered) if *is_answered => continue,
                    Some(is_answered) => {
                        *is_answered = true;
                        Err(ErrorCode::InvalidRequest)
                    }
                    None => find(&context, id, &asked).await,
                };
                partitions.push(respond(context.version, asked.partition_index, found));
            }
            // A topic is answered once, and not at all if nothing of it was asked for.
            match places.get(&topic.name) {
                _ if partitions.is_empty() => {}
                Some(place) => topics[*place].partitions.extend(partitions),
                None => {
                    places.insert(topic.name.clone(), topics.len());
                    topics.push(ListOffsetsTopicResponse {
                        name: topic.name,
                        partitions,
                    });
                }
            }
        }
        ListOffsetsResponse {
            topics,
            ..ListOffsetsResponse::default()
        }
        .into()
    }
}

/// An offset with the timestamp and leader epoch of its record, where they are known.
#[derive(Clone, Copy)]
struct Found {
    offset: Offset,
    timestamp: Option<Timestamp>,
    epoch: Option<LeaderEpoch>,
}

/// The partitions that are asked for more than once, none of them answered.
fn duplicates(topics: &[ListOffsetsTopic]) -> BTreeMap<(Str, i32), bool> {
    let mut seen = BTreeSet::new();
    topics
        .iter()
        .flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|partition| (topic.name.clone(), partition.partition_index))
        })
        .filter(|place| !seen.insert(place.clone()))
        .map(|place| (place, false))
        .collect()
}

/// Whether a version knows what a timestamp means.
fn is_supported(timestamp: i64, version: i16) -> bool {
    match timestamp {
        LATEST | EARLIEST => true,
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL => version >= 8,
        LATEST_TIERED => version >= 9,
        EARLIEST_PENDING_UPLOAD => version >= 11,
        timestamp => timestamp >= 0,
    }
}

async fn find(
    context: &Context,
    topic: Option<TopicId>,
    asked: &ListOffsetsPartition,
) -> Result<Option<Found>, ErrorCode> {
    if !is_supported(asked.timestamp, context.version) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let number = PartitionId::new(asked.partition_index);
    let held = context.node.replicas.get(topic, number);
    let held = held.map_err(|error| of_partition(&error))?;
    look_up(&held, asked).await
}

async fn look_up(
    partition: &Arc<Partition>,
    asked: &ListOffsetsPartition,
) -> Result<Option<Found>, ErrorCode> {
    let current =
        (asked.current_leader_epoch >= 0).then(|| LeaderEpoch::new(asked.current_leader_epoch));
    let positions = partition
        .positions(current)
        .map_err(|error| of_partition(&error))?;
    let at = |offset: Offset, epoch: LeaderEpoch| {
        Ok(Some(Found {
            offset,
            timestamp: None,
            epoch: Some(epoch),
        }))
    };
    // A log without records has no epoch yet: the next record will have the leader's.
    let earliest = || {
        let epoch = partition.log.epoch_at(positions.log_start);
        at(positions.log_start, epoch.unwrap_or(positions.leader_epoch))
    };
    match asked.timestamp {
        LATEST => at(positions.high_watermark, positions.leader_epoch),
        EARLIEST | EARLIEST_LOCAL => earliest(),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        MAX_TIMESTAMP => {
            search(partition, move |log| {
                let found = log.max_timestamp(positions.high_watermark)?;
                Ok(found.map(|(offset, timestamp)| (offset, timestamp, log.epoch_at(offset))))
            })
            .await
        }
        timestamp => {
            search(partition, move |log| {
                let timestamp = Timestamp::from_millis(timestamp);
                let found = log.offset_for_timestamp(timestamp, positions.high_watermark)?;
                Ok(found.map(|(offset, timestamp, epoch)| (offset, timestamp, Some(epoch))))
            })
            .await
        }
    }
}

type Hit = Option<(Offset, Timestamp, Option<LeaderEpoch>)>;

/// Searches the log on a thread of the pool: it may have to read.
async fn search(
    partition: &Arc<Partition>,
    find: impl FnOnce(&chronik_log::PartitionLog) -> Result<Hit, chronik_log::ReadError>
    + Send
    + 'static,
) -> Result<Option<Found>, ErrorCode> {
    let log = Arc::clone(&partition.log);
    let hit = task::blocking(move || find(&log))
        .await
        .map_err(|error| of_read(&error))?;
    Ok(hit.map(|(offset, timestamp, epoch)| Found {
        offset,
        timestamp: Some(timestamp),
        epoch,
    }))
}

fn respond(
    version: i16,
    index: i32,
    found: Result<Option<Found>, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let mut response = ListOffsetsPartitionResponse {
        partition_index: index,
        timestamp: -1,
        offset: -1,
        leader_epoch: -1,
        ..ListOffsetsPartitionResponse::default()
    };
    match found {
        Ok(None) => {}
        Ok(Some(found)) => {
            response.offset = found.offset.get();
            response.timestamp = found.timestamp.map_or(-1, Timestamp::as_millis);
            if version >= 4 {
                response.leader_epoch = found.epoch.map_or(-1, LeaderEpoch::get);
            }
        }
        Err(code) => response.error_code = code.code(),
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_timestamp_is_known_from_its_version_on() {
        let first = |timestamp| (1..=11).find(|version| is_supported(timestamp, *version));
        let firsts: Vec<_> = (-8..=0).rev().map(first).collect();
        let known = [1, 1, 1, 7, 8, 9, 11].map(Some);
        assert_eq!(firsts[..7], known);
        assert_eq!(firsts[7..], [None, None]);
    }

    #[test]
    fn a_partition_in_two_topics_of_a_name_is_a_duplicate() {
        let topic = |name: &str, partitions: &[i32]| ListOffsetsTopic {
            name: name.into(),
            partitions: partitions
                .iter()
                .map(|index| ListOffsetsPartition {
                    partition_index: *index,
                    ..ListOffsetsPartition::default()
                })
                .collect(),
        };
        let asked = [topic("a", &[0, 1]), topic("b", &[1]), topic("a", &[2, 1])];
        let found = duplicates(&asked);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [("a".into(), 1)]);
    }
}
