//! ListOffsets: v1-v11.
//!
//! Behaviour: -1 latest (the high watermark, which is also the last stable offset while there are
//! no transactions), -2 earliest, -3 the greatest timestamp (v7), -4 earliest local (v8), -5 last
//! tiered (v9, none here), -6 earliest pending upload (v11, none here); a timestamp of 0 or more
//! asks for the first record at or after it and is answered -1/-1 where there is none.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chronik_io::task;
use chronik_protocol::generated::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use chronik_protocol::generated::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionId, Timestamp};

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
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let id = image.topic(&topic.name).map(|topic| topic.id);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in topic.partitions {
                let number = PartitionId::new(asked.partition_index);
                let held = id.ok_or(ErrorCode::UnknownTopicOrPartition).and_then(|id| {
                    let held = context.node.replicas.get(id, number);
                    held.map_err(|error| of_partition(&error))
                });
                let found = match held {
                    Ok(held) => look_up(&held, &asked, context.version).await,
                    Err(code) => Err(code),
                };
                partitions.push(respond(context.version, asked.partition_index, found));
            }
            topics.push(ListOffsetsTopicResponse {
                name: topic.name,
                partitions,
            });
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

async fn look_up(
    partition: &Arc<Partition>,
    asked: &ListOffsetsPartition,
    version: i16,
) -> Result<Option<Found>, ErrorCode> {
    let current =
        (asked.current_leader_epoch >= 0).then(|| LeaderEpoch::new(asked.current_leader_epoch));
    let positions = partition
        .positions(current)
        .map_err(|error| of_partition(&error))?;
    let at = |offset: Offset| {
        Ok(Some(Found {
            offset,
            timestamp: None,
            epoch: Some(positions.leader_epoch),
        }))
    };
    match asked.timestamp {
        LATEST => at(positions.high_watermark),
        EARLIEST => at(positions.log_start),
        EARLIEST_LOCAL if version >= 8 => at(positions.log_start),
        LATEST_TIERED if version >= 9 => Ok(None),
        EARLIEST_PENDING_UPLOAD if version >= 11 => Ok(None),
        MAX_TIMESTAMP if version >= 7 => {
            search(partition, move |log| {
                let found = log.max_timestamp(positions.high_watermark)?;
                Ok(found.map(|(offset, timestamp)| (offset, timestamp, log.epoch_at(offset))))
            })
            .await
        }
        timestamp if timestamp >= 0 => {
            search(partition, move |log| {
                let timestamp = Timestamp::from_millis(timestamp);
                let found = log.offset_for_timestamp(timestamp, positions.high_watermark)?;
                Ok(found.map(|(offset, timestamp, epoch)| (offset, timestamp, Some(epoch))))
            })
            .await
        }
        _ => Err(ErrorCode::UnsupportedVersion),
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
