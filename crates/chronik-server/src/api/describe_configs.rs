//! DescribeConfigs: v1-v4. Configurations of topics, this broker, all brokers, groups and client
//! metrics, and this node's log levels, with where they come from.
//!
//! Behaviour: a sensitive value is never shown, and what is in no table counts as sensitive. A
//! resource that comes again gets the same answer again; asked for other configurations it is
//! refused.
//! Version notes: v1 synonyms; v3 types and documentation.

mod entries;
mod room;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chronik_controller::{ApiError, ConfigResource};
use chronik_protocol::Str;
use chronik_protocol::generated::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use chronik_protocol::generated::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
};
use chronik_types::ErrorCode;

use self::entries::{Entries, Wanted};
use self::room::Room;
use super::config_resource::{Resource, described, invalid};
use super::{Context, Handled, Handler, message};
use crate::broker_settings::BrokerSettings;

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
        let mut answers = Answers {
            entries,
            room: Room::default(),
            given: BTreeMap::new(),
        };
        let results = request.resources.into_iter().map(|asked| {
            let found = answers.answer(&asked);
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

/// The configurations that a resource is asked for.
type Keys = Option<Vec<Str>>;

/// The answers of one request.
struct Answers<'a> {
    entries: Entries<'a>,
    room: Room,
    /// Each resource's first answer, and what it was asked for.
    given: BTreeMap<Resource, (Keys, Vec<DescribeConfigsResourceResult>)>,
}

impl Answers<'_> {
    fn answer(&mut self, asked: &DescribeConfigsResource) -> Found {
        if self.room.is_used_up() {
            return Err(invalid("Too many configurations for one answer."));
        }
        let own = self.entries.broker.config.node_id;
        let resource = described(asked.resource_type, &asked.resource_name, own)?;
        if let Some((keys, configs)) = self.given.get(&resource) {
            if *keys != asked.configuration_keys {
                return Err(invalid(
                    "A resource that appears again must be asked for the same configurations.",
                ));
            }
            self.room.take(configs);
            return Ok(configs.clone());
        }
        let wanted = Wanted::new(asked.configuration_keys.as_deref());
        let configs = describe(&self.entries, &resource, &wanted)?;
        self.room.take(&configs);
        let given = (asked.configuration_keys.clone(), configs.clone());
        self.given.insert(resource, given);
        Ok(configs)
    }
}

fn describe(entries: &Entries<'_>, resource: &Resource, wanted: &Wanted<'_>) -> Found {
    Ok(match resource {
        Resource::Loggers => entries.loggers(wanted),
        Resource::Stored(ConfigResource::Topic(name)) => {
            if entries.broker.image.topic(name.as_str()).is_none() {
                return Err(ApiError::bare(ErrorCode::UnknownTopicOrPartition));
            }
            entries.topic(name, wanted)
        }
        Resource::Stored(ConfigResource::Broker(_)) => entries.broker(wanted),
        Resource::Stored(ConfigResource::ClusterDefault) => entries.cluster_default(wanted),
        Resource::Stored(group @ ConfigResource::Group(_)) => entries.group(group, wanted),
        Resource::Stored(metrics @ ConfigResource::ClientMetrics(_)) => {
            entries.client_metrics(metrics, wanted)
        }
    })
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

#[cfg(test)]
mod tests {
    use chronik_controller::MetadataImage;

    use super::*;
    use crate::api::config_resource::BROKER;
    use crate::log_levels::NoLogLevels;
    use crate::settings::NodeConfig;

    #[test]
    fn a_resource_that_comes_again_gets_its_answer_again_and_no_other() {
        let image = MetadataImage::default();
        let config = NodeConfig::resolve([]).expect("has defaults");
        let entries = Entries {
            broker: BrokerSettings {
                image: &image,
                config: &config,
            },
            log_levels: &NoLogLevels,
            synonyms: true,
            documentation: true,
        };
        let mut answers = Answers {
            entries,
            room: Room::default(),
            given: BTreeMap::new(),
        };
        // Two names of one node.
        let mut ask = |name: &str, key: &str| {
            let found = answers.answer(&DescribeConfigsResource {
                resource_type: BROKER,
                resource_name: name.into(),
                configuration_keys: Some(vec![key.into()]),
            });
            let found = found
                .map(|configs: Vec<_>| configs.iter().map(|one| one.name.to_string()).collect());
            found.map_err(|error| error.code)
        };
        let own: Result<Vec<String>, _> = Ok(vec!["node.id".to_owned()]);
        assert_eq!(ask("1", "node.id"), own);
        assert_eq!(ask("01", "node.id"), own);
        assert_eq!(ask("+1", "log.dirs"), Err(ErrorCode::InvalidRequest));
    }
}
