//! DescribeConfigs: v1-v4. Configurations of topics, this broker, all brokers, groups and client
//! metrics, and this node's log levels, with where they come from.
//!
//! Behaviour: a sensitive value is never shown, and what is in no table counts as sensitive.
//! Version notes: v1 synonyms; v3 types and documentation.

mod entries;

use std::ops::RangeInclusive;

use chronik_controller::{ApiError, ConfigResource, MetadataImage};
use chronik_protocol::generated::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use chronik_protocol::generated::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
};
use chronik_types::ErrorCode;

use self::entries::Entries;
use super::config_resource::{Resource, described, invalid};
use super::{Context, Handled, Handler, message};
use crate::broker_settings::BrokerSettings;

/// Configurations in one answer: a request of a few bytes per resource could ask for gigabytes.
const ENTRIES_MAX: usize = 100_000;

pub(super) struct DescribeConfigs;

impl Handler for DescribeConfigs {
    type Request = DescribeConfigsRequest;
    const VERSIONS: RangeInclusive<i16> = 1..=4;

    async fn handle(
        context: Context,
        request: DescribeConfigsRequest,
    ) -> Handled<DescribeConfigsResponse> {
        let image = context.node.image();
        let entries = Entries {
            broker: BrokerSettings {
                image: &image,
                config: &context.node.config,
            },
            log_levels: &*context.node.log_levels,
            synonyms: request.include_synonyms,
            documentation: request.include_documentation,
        };
        let mut left = ENTRIES_MAX;
        let results = request.resources.into_iter().map(|asked| {
            let found = if left == 0 {
                Err(invalid("Too many configurations for one answer."))
            } else {
                describe(&entries, &image, &asked)
            };
            left = left.saturating_sub(found.as_ref().map_or(0, Vec::len));
            result(asked, found)
        });
        DescribeConfigsResponse {
            results: results.collect(),
            ..DescribeConfigsResponse::default()
        }
        .into()
    }
}

type Found = Result<Vec<DescribeConfigsResourceResult>, ApiError>;

fn describe(
    entries: &Entries<'_>,
    image: &MetadataImage,
    asked: &DescribeConfigsResource,
) -> Found {
    let own = entries.broker.config.node_id;
    let mut configs = match described(asked.resource_type, &asked.resource_name, own)? {
        Resource::Loggers => entries.loggers(),
        Resource::Stored(ConfigResource::Topic(name)) => {
            if image.topic(name.as_str()).is_none() {
                return Err(ApiError::bare(ErrorCode::UnknownTopicOrPartition));
            }
            entries.topic(&name)
        }
        Resource::Stored(ConfigResource::Broker(_)) => entries.broker(),
        Resource::Stored(ConfigResource::ClusterDefault) => entries.cluster_default(),
        Resource::Stored(group @ ConfigResource::Group(_)) => entries.group(&group),
        Resource::Stored(metrics @ ConfigResource::ClientMetrics(_)) => {
            entries.client_metrics(&metrics)
        }
    };
    // No key at all means every one, as null does.
    if let Some(keys) = asked
        .configuration_keys
        .as_ref()
        .filter(|keys| !keys.is_empty())
    {
        configs.retain(|config| keys.contains(&config.name));
    }
    Ok(configs)
}

fn result(asked: DescribeConfigsResource, found: Found) -> DescribeConfigsResult {
    let mut result = DescribeConfigsResult {
        resource_type: asked.resource_type,
        resource_name: asked.resource_name,
        ..DescribeConfigsResult::default()
    };
    match found {
        Ok(configs) => result.configs = configs,
        Err(error) => {
            result.error_code = error.code.code();
            // Kafka's is empty, not null, where there is nothing to say.
            result.error_message = message(error.message).or(result.error_message);
        }
    }
    result
}
