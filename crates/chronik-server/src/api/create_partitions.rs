//! CreatePartitions: v0-v3. Raises a topic's number of partitions.

use std::ops::RangeInclusive;

use chronik_controller::{ControllerRequest, ControllerResponse, ItemResult};
use chronik_protocol::generated::create_partitions_request::{
    CreatePartitionsRequest, CreatePartitionsTopic,
};
use chronik_protocol::generated::create_partitions_response::{
    CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use chronik_types::NodeId;

use super::create_topics::all_failed;
use super::{Context, Handled, Handler, message};

pub(super) struct CreatePartitions;

impl Handler for CreatePartitions {
    type Request = CreatePartitionsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=3;

    async fn handle(
        context: Context,
        request: CreatePartitionsRequest,
    ) -> Handled<CreatePartitionsResponse> {
        let names: Vec<String> = request.topics.iter().map(|t| t.name.to_string()).collect();
        let submitted = context
            .node
            .submit(
                ControllerRequest::CreatePartitions(chronik_controller::CreatePartitions {
                    topics: request.topics.iter().map(read).collect(),
                    validate_only: request.validate_only,
                }),
                request.timeout_ms,
            )
            .await;
        let results = match submitted {
            Ok(ControllerResponse::CreatePartitions(results)) => results,
            Ok(_) => unreachable!("the controller answers what was asked"),
            Err(error) => all_failed(names, &error),
        };
        CreatePartitionsResponse {
            results: results.into_iter().map(respond).collect(),
            ..CreatePartitionsResponse::default()
        }
        .into()
    }
}

fn read(topic: &CreatePartitionsTopic) -> chronik_controller::CreatePartitionsTopic {
    chronik_controller::CreatePartitionsTopic {
        name: topic.name.to_string(),
        count: topic.count,
        assignments: topic.assignments.as_ref().map(|assignments| {
            assignments
                .iter()
                .map(|replicas| {
                    replicas
                        .broker_ids
                        .iter()
                        .map(|id| NodeId::new(*id))
                        .collect()
                })
                .collect()
        }),
    }
}

fn respond((name, result): (String, ItemResult<()>)) -> CreatePartitionsTopicResult {
    let mut response = CreatePartitionsTopicResult {
        name: name.into(),
        ..CreatePartitionsTopicResult::default()
    };
    if let Err(error) = result {
        response.error_code = error.code.code();
        response.error_message = message(error.message);
    }
    response
}
