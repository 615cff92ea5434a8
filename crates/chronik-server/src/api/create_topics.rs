//! CreateTopics: v2-v7.
//!
//! Behaviour: the controller decides topic by topic; the answer comes once every topic created
//! here is known to this node with its leaders.
//! Version notes: v5 returns partitions, replication factor and configurations; v7 the topic id.

use std::ops::RangeInclusive;

use chronik_controller::{
    ApiError, ControllerRequest, ControllerResponse, CreatedTopic, ItemResult,
};
use chronik_protocol::generated::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use chronik_protocol::generated::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use chronik_types::{NodeId, PartitionId, TopicName};

use super::{Context, Handled, Handler, message};
use crate::topic_settings::effective;

pub(super) struct CreateTopics;

impl Handler for CreateTopics {
    type Request = CreateTopicsRequest;
    const VERSIONS: RangeInclusive<i16> = 2..=7;

    async fn handle(
        context: Context,
        request: CreateTopicsRequest,
    ) -> Handled<CreateTopicsResponse> {
        let names: Vec<String> = request.topics.iter().map(|t| t.name.to_string()).collect();
        let submitted = context
            .node
            .submit(
                ControllerRequest::CreateTopics(chronik_controller::CreateTopics {
                    topics: request.topics.iter().map(read).collect(),
                    validate_only: request.validate_only,
                }),
                request.timeout_ms,
            )
            .await;
        let results = match submitted {
            Ok(ControllerResponse::CreateTopics(results)) => results,
            Ok(_) => unreachable!("the controller answers what was asked"),
            Err(error) => all_failed(names, &error),
        };
        CreateTopicsResponse {
            topics: results
                .into_iter()
                .map(|(name, result)| respond(&context, name, result))
                .collect(),
            ..CreateTopicsResponse::default()
        }
        .into()
    }
}

/// The same failure for every item, because none was decided.
pub(super) fn all_failed<T>(names: Vec<String>, error: &ApiError) -> Vec<(String, ItemResult<T>)> {
    names
        .into_iter()
        .map(|name| (name, Err(error.clone())))
        .collect()
}

fn read(topic: &CreatableTopic) -> chronik_controller::CreatableTopic {
    chronik_controller::CreatableTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .iter()
            .map(|assignment| {
                let nodes = assignment.broker_ids.iter().map(|id| NodeId::new(*id));
                (
                    PartitionId::new(assignment.partition_index),
                    nodes.collect(),
                )
            })
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|config| {
                (
                    config.name.to_string(),
                    config.value.as_ref().map(ToString::to_string),
                )
            })
            .collect(),
    }
}

fn respond(
    context: &Context,
    name: String,
    result: ItemResult<CreatedTopic>,
) -> CreatableTopicResult {
    match result {
        Ok(created) => CreatableTopicResult {
            topic_id: created.id.get(),
            num_partitions: created.partitions,
            replication_factor: created.replication_factor,
            configs: Some(configs(context, &name, &created)),
            error_message: None,
            name: name.into(),
            ..CreatableTopicResult::default()
        },
        Err(error) => CreatableTopicResult {
            name: name.into(),
            error_code: error.code.code(),
            error_message: message(error.message),
            num_partitions: -1,
            replication_factor: -1,
            // Kafka sends an empty list to versions that have it.
            configs: Some(Vec::new()),
            ..CreatableTopicResult::default()
        },
    }
}

/// Every configuration of the new topic, as DescribeConfigs would tell it.
fn configs(context: &Context, name: &str, created: &CreatedTopic) -> Vec<CreatableTopicConfigs> {
    let Ok(topic) = TopicName::new(name) else {
        return Vec::new();
    };
    let image = context.node.image();
    chronik_controller::topic_config::TOPIC_CONFIGS
        .iter()
        .filter_map(|row| {
            let own = created.configs.get(row.name);
            let found = effective(&image, &context.node.config, &topic, row.name)?;
            Some(CreatableTopicConfigs {
                name: row.name.into(),
                value: Some(own.map_or(found.value, String::as_str).into()),
                read_only: false,
                config_source: match own {
                    Some(_) => crate::broker_settings::Origin::Topic as i8,
                    None => found.origin as i8,
                },
                is_sensitive: false,
            })
        })
        .collect()
}
