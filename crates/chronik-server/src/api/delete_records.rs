//! DeleteRecords: v0-v2. Moves a partition's log start; -1 means the high watermark.
//!
//! Behaviour: the new start is answered once it is durable; whole segments below it are deleted
//! later, by retention.

use std::ops::RangeInclusive;

use chronik_protocol::generated::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest,
};
use chronik_protocol::generated::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use chronik_types::{ErrorCode, Offset, PartitionId, TopicId};

use super::{Context, Handled, Handler};
use crate::error_code::{of_log, of_partition};

const HIGH_WATERMARK: i64 = -1;

pub(super) struct DeleteRecords;

impl Handler for DeleteRecords {
    type Request = DeleteRecordsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=2;

    async fn handle(
        context: Context,
        request: DeleteRecordsRequest,
    ) -> Handled<DeleteRecordsResponse> {
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let id = context
                .node
                .image()
                .topic(&topic.name)
                .map(|topic| topic.id);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let mut result = DeleteRecordsPartitionResult {
                    partition_index: asked.partition_index,
                    low_watermark: -1,
                    ..DeleteRecordsPartitionResult::default()
                };
                match delete(&context, id, asked).await {
                    Ok(start) => result.low_watermark = start.get(),
                    Err(code) => result.error_code = code.code(),
                }
                partitions.push(result);
            }
            topics.push(DeleteRecordsTopicResult {
                name: topic.name,
                partitions,
            });
        }
        DeleteRecordsResponse {
            topics,
            ..DeleteRecordsResponse::default()
        }
        .into()
    }
}

async fn delete(
    context: &Context,
    topic: Option<TopicId>,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, ErrorCode> {
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let number = PartitionId::new(asked.partition_index);
    let partition = context
        .node
        .replicas
        .get(topic, number)
        .map_err(|error| of_partition(&error))?;
    let positions = partition
        .positions(None)
        .map_err(|error| of_partition(&error))?;
    let start = match asked.offset {
        HIGH_WATERMARK => positions.high_watermark,
        offset if offset >= 0 && offset <= positions.high_watermark.get() => Offset::new(offset),
        _ => return Err(ErrorCode::OffsetOutOfRange),
    };
    if start <= positions.log_start {
        return Ok(positions.log_start);
    }
    partition
        .log
        .set_log_start(start)
        .await
        .map_err(|error| of_log(&error))?;
    partition.wake_fetches();
    Ok(start)
}
