//! DescribeConfigs: v1-v4. Configurations of topics and of this broker, with where they come from.
//!
//! Version notes: v1 synonyms; v3 types and documentation.

use std::ops::RangeInclusive;

use chronik_controller::ConfigResource;
use chronik_controller::topic_config::{TOPIC_CONFIGS, TopicConfig};
use chronik_protocol::Str;
use chronik_protocol::generated::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use chronik_protocol::generated::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
    DescribeConfigsSynonym,
};
use chronik_types::{ErrorCode, NodeId, TopicName};

use super::incremental_alter_configs::config_resource;
use super::{Context, Handled, Handler, message};
use crate::settings::{Kind, SETTINGS, Setting, Source};
use crate::topic_settings::{Origin, effective};

pub(super) struct DescribeConfigs;

impl Handler for DescribeConfigs {
    type Request = DescribeConfigsRequest;
    const VERSIONS: RangeInclusive<i16> = 1..=4;

    async fn handle(
        context: Context,
        request: DescribeConfigsRequest,
    ) -> Handled<DescribeConfigsResponse> {
        let view = View {
            context: &context,
            synonyms: request.include_synonyms,
            documentation: request.include_documentation,
        };
        DescribeConfigsResponse {
            results: request.resources.iter().map(|r| view.describe(r)).collect(),
            ..DescribeConfigsResponse::default()
        }
        .into()
    }
}

struct View<'a> {
    context: &'a Context,
    synonyms: bool,
    documentation: bool,
}

type Failed = (ErrorCode, Option<String>);

impl View<'_> {
    fn describe(&self, asked: &DescribeConfigsResource) -> DescribeConfigsResult {
        let mut result = DescribeConfigsResult {
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.clone(),
            ..DescribeConfigsResult::default()
        };
        let found = config_resource(asked.resource_type, &asked.resource_name)
            .map_err(|error| (error.code, error.message))
            .and_then(|resource| self.configs(&resource));
        match found {
            Ok(mut configs) => {
                if let Some(keys) = &asked.configuration_keys {
                    configs.retain(|config| keys.contains(&config.name));
                }
                result.configs = configs;
            }
            Err((code, text)) => {
                result.error_code = code.code();
                // Kafka's is empty, not null, where there is nothing to say.
                result.error_message = message(text).or(result.error_message);
            }
        }
        result
    }

    fn configs(
        &self,
        resource: &ConfigResource,
    ) -> Result<Vec<DescribeConfigsResourceResult>, Failed> {
        match resource {
            ConfigResource::Topic(name) => self.topic(name),
            ConfigResource::Broker(node) => self.broker(*node),
            ConfigResource::ClusterDefault => Ok(self.cluster_default()),
        }
    }

    fn topic(&self, topic: &TopicName) -> Result<Vec<DescribeConfigsResourceResult>, Failed> {
        let image = self.context.node.image();
        if image.topic(topic.as_str()).is_none() {
            return Err((ErrorCode::UnknownTopicOrPartition, None));
        }
        let rows = TOPIC_CONFIGS.iter().filter_map(|row| {
            let found = effective(&image, &self.context.node.config, topic, row.name)?;
            Some(DescribeConfigsResourceResult {
                name: row.name.into(),
                value: Some(found.value.into()),
                config_source: found.origin as i8,
                config_type: row.kind.code(),
                documentation: self.documentation.then(|| row.doc.into()),
                synonyms: self.topic_synonyms(topic, row),
                ..DescribeConfigsResourceResult::default()
            })
        });
        Ok(rows.collect())
    }

    fn topic_synonyms(&self, topic: &TopicName, row: &TopicConfig) -> Vec<DescribeConfigsSynonym> {
        if !self.synonyms {
            return Vec::new();
        }
        let image = self.context.node.image();
        let config = &self.context.node.config;
        let mut synonyms = Vec::new();
        let mut add = |name: &str, value: Option<&str>, origin: Origin| {
            if let Some(value) = value {
                synonyms.push(DescribeConfigsSynonym {
                    name: name.into(),
                    value: Some(value.into()),
                    source: origin as i8,
                });
            }
        };
        let own = ConfigResource::Topic(topic.clone());
        add(row.name, image.config(&own, row.name), Origin::Topic);
        let name = row.broker_synonym.unwrap_or(row.name);
        if let Some(synonym) = row.broker_synonym {
            let broker = ConfigResource::Broker(config.node_id);
            add(synonym, image.config(&broker, synonym), Origin::Broker);
            let cluster = image.config(&ConfigResource::ClusterDefault, synonym);
            add(synonym, cluster, Origin::Cluster);
            add(synonym, config.given(synonym), Origin::StaticBroker);
        }
        add(name, Some(row.default), Origin::Default);
        synonyms
    }

    fn broker(&self, node: NodeId) -> Result<Vec<DescribeConfigsResourceResult>, Failed> {
        let config = &self.context.node.config;
        if node != config.node_id {
            return Err((
                ErrorCode::InvalidRequest,
                Some(format!(
                    "Unexpected broker id, expected {} or empty string, but received {node}",
                    config.node_id
                )),
            ));
        }
        Ok(SETTINGS
            .iter()
            .map(|setting| self.setting(setting))
            .collect())
    }

    fn setting(&self, setting: &Setting) -> DescribeConfigsResourceResult {
        let config = &self.context.node.config;
        let given = config.values.get(setting.name);
        let is_given = given.is_some_and(|(_, source)| *source != Source::Default);
        let value = Str::from(given.map_or(setting.default, |(text, _)| text));
        let origin = if is_given {
            Origin::StaticBroker
        } else {
            Origin::Default
        };
        let synonyms = self.synonyms.then(|| DescribeConfigsSynonym {
            name: setting.name.into(),
            value: Some(value.clone()),
            source: origin as i8,
        });
        DescribeConfigsResourceResult {
            name: setting.name.into(),
            value: Some(value),
            read_only: true,
            config_source: origin as i8,
            synonyms: synonyms.into_iter().collect(),
            config_type: type_code(setting.kind),
            documentation: self.documentation.then(|| setting.doc.into()),
            ..DescribeConfigsResourceResult::default()
        }
    }

    fn cluster_default(&self) -> Vec<DescribeConfigsResourceResult> {
        let image = self.context.node.image();
        let set = image.configs(&ConfigResource::ClusterDefault);
        set.into_iter()
            .flatten()
            .map(|(name, value)| DescribeConfigsResourceResult {
                name: name.as_str().into(),
                value: Some(value.as_str().into()),
                config_source: Origin::Cluster as i8,
                ..DescribeConfigsResourceResult::default()
            })
            .collect()
    }
}

/// Kafka's numbers of configuration types.
fn type_code(kind: Kind) -> i8 {
    match kind.type_name() {
        "boolean" => 1,
        "int" => 3,
        "long" => 5,
        "list" => 7,
        _ => 2,
    }
}
