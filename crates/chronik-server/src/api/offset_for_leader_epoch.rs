//! OffsetForLeaderEpoch: v2-v4. Where a leader epoch ended, for clients that check whether their
//! log was cut (KIP-320). A replica id is for brokers and changes nothing here.

use std::ops::RangeInclusive;

use chronik_protocol::generated::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use chronik_protocol::generated::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use chronik_types::{ErrorCode, LeaderEpoch, Offset, PartitionId, TopicId};

use super::{Context, Handled, Handler};
use crate::error_code::of_partition;

pub(super) struct OffsetForLeaderEpoch;

impl Handler for OffsetForLeaderEpoch {
    type Request = OffsetForLeaderEpochRequest;
    const VERSIONS: RangeInclusive<i16> = 2..=4;

    async fn handle(
        context: Context,
        request: OffsetForLeaderEpochRequest,
    ) -> Handled<OffsetForLeaderEpochResponse> {
        let image = context.node.image();
        let topics = request.topics.into_iter().map(|topic| {
            let id = image.topic(&topic.topic).map(|topic| topic.id);
            OffsetForLeaderTopicResult {
                partitions: topic
                    .partitions
                    .iter()
                    .map(|asked| respond(asked, look_up(&context, id, asked)))
                    .collect(),
                topic: topic.topic,
            }
        });
        OffsetForLeaderEpochResponse {
            topics: topics.collect(),
            ..OffsetForLeaderEpochResponse::default()
        }
        .into()
    }
}

/// The largest epoch up to the one asked for, and where it ends; the running epoch ends where
/// clients may read to.
fn look_up(
    context: &Context,
    topic: Option<TopicId>,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, ErrorCode> {
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let code = |error| of_partition(&error);
    let partition = context
        .node
        .replicas
        .get(topic, PartitionId::new(asked.partition))
        .map_err(code)?;
    let current =
        (asked.current_leader_epoch >= 0).then(|| LeaderEpoch::new(asked.current_leader_epoch));
    let positions = partition.positions(current).map_err(code)?;
    let epoch = LeaderEpoch::new(asked.leader_epoch);
    if epoch == positions.leader_epoch {
        return Ok(Some((epoch, positions.high_watermark)));
    }
    Ok(partition.log.epoch_end(epoch))
}

fn respond(
    asked: &OffsetForLeaderPartition,
    found: Result<Option<(LeaderEpoch, Offset)>, ErrorCode>,
) -> EpochEndOffset {
    let mut response = EpochEndOffset {
        partition: asked.partition,
        leader_epoch: -1,
        end_offset: -1,
        ..EpochEndOffset::default()
    };
    match found {
        Ok(None) => {}
        Ok(Some((epoch, end))) => {
            response.leader_epoch = epoch.get();
            response.end_offset = end.get();
        }
        Err(code) => response.error_code = code.code(),
    }
    response
}
