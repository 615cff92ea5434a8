//! DescribeProducers: v0. The idempotent producers a partition knows (KIP-664).

use std::ops::RangeInclusive;

use chronik_protocol::generated::describe_producers_request::DescribeProducersRequest;
use chronik_protocol::generated::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use chronik_types::{ErrorCode, Offset, PartitionId, Sequence};

use super::{Context, Handled, Handler};
use crate::error_code::of_partition;

pub(super) struct DescribeProducers;

impl Handler for DescribeProducers {
    type Request = DescribeProducersRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=0;

    async fn handle(
        context: Context,
        request: DescribeProducersRequest,
    ) -> Handled<DescribeProducersResponse> {
        let image = context.node.image();
        let topics = request.topics.into_iter().map(|topic| {
            let id = image.topic(&topic.name).map(|topic| topic.id);
            let partitions = topic.partition_indexes.iter().map(|index| {
                let held = id.ok_or(ErrorCode::UnknownTopicOrPartition).and_then(|id| {
                    let partition = context.node.replicas.get(id, PartitionId::new(*index));
                    let held = partition.and_then(|p| p.positions(None).map(|_| p));
                    held.map_err(|error| of_partition(&error))
                });
                let mut response = PartitionResponse {
                    partition_index: *index,
                    ..PartitionResponse::default()
                };
                match held {
                    Err(code) => response.error_code = code.code(),
                    Ok(partition) => {
                        let producers = partition.log.producers();
                        response.active_producers = producers
                            .into_iter()
                            .map(|producer| ProducerState {
                                producer_id: producer.id.get(),
                                producer_epoch: i32::from(producer.epoch.get()),
                                last_sequence: producer.last_sequence.map_or(-1, Sequence::get),
                                last_timestamp: producer.last_timestamp.as_millis(),
                                coordinator_epoch: producer.coordinator_epoch.unwrap_or(-1),
                                current_txn_start_offset: producer
                                    .txn_first_offset
                                    .map_or(-1, Offset::get),
                            })
                            .collect();
                    }
                }
                response
            });
            TopicResponse {
                partitions: partitions.collect(),
                name: topic.name,
            }
        });
        DescribeProducersResponse {
            topics: topics.collect(),
            ..DescribeProducersResponse::default()
        }
        .into()
    }
}
