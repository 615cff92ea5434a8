//! DeleteRecords: v0-v2. Moves a partition's log start; -1 means the high watermark.
//!
//! Behaviour: the new start is answered once it is durable; whole segments below it are deleted
//! later, by retention. Refused for internal topics, and where `cleanup.policy` is to compact and
//! not to delete: what a compacted topic holds is for its keys to say.

use std::ops::RangeInclusive;

use chronik_controller::TopicImage;
use chronik_protocol::generated::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsRequest,
};
use chronik_protocol::generated::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use chronik_types::{ErrorCode, Offset, PartitionId};

use super::{Context, Handled, Handler};
use crate::error_code::{of_log, of_partition};
use crate::topic_settings::is_compacted_only;

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
            let image = context.node.image();
            let found = image.topic(&topic.name);
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let mut result = DeleteRecordsPartitionResult {
                    partition_index: asked.partition_index,
                    low_watermark: -1,
                    ..DeleteRecordsPartitionResult::default()
                };
                match delete(&context, found, asked).await {
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
    topic: Option<&TopicImage>,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, ErrorCode> {
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.name.is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    let number = PartitionId::new(asked.partition_index);
    let partition = context
        .node
        .replicas
        .get(topic.id, number)
        .map_err(|error| of_partition(&error))?;
    let positions = partition
        .positions(None)
        .map_err(|error| of_partition(&error))?;
    let node = &context.node;
    if is_compacted_only(&node.image(), &node.config, &topic.name) {
        return Err(ErrorCode::PolicyViolation);
    }
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
