//! Settings of topics: what they are, where they come from, and changing them.

use chronik_protocol::ApiKey;
use chronik_protocol::generated::describe_configs_request::DescribeConfigsResource;
use chronik_protocol::generated::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use chronik_protocol::generated::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use super::Client;
use super::admin::first;
use crate::ClientError;

const TOPIC: i8 = 2;
const SET: i8 = 0;
const DELETE: i8 = 1;

/// A change of one setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigChange {
    /// Give it a value.
    Set(String, String),
    /// Take its own value away, so that the default counts.
    Delete(String),
}

/// A setting as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` if it has none or may not be shown.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed.
    pub read_only: bool,
    /// Whether the value is kept secret.
    pub sensitive: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigSource {
    /// The topic's own.
    Topic,
    /// Set for one broker while it runs.
    Broker,
    /// Set for all brokers while they run.
    Cluster,
    /// A broker's file, environment or flags.
    Static,
    /// Nobody set it.
    Default,
    /// Anything else, by Kafka's number.
    Other(i8),
}

impl ConfigSource {
    fn new(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::Cluster,
            4 => Self::Static,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }

    /// The name for people and scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::Cluster => "cluster",
            Self::Static => "static",
            Self::Default => "default",
            Self::Other(_) => "other",
        }
    }
}

impl Client {
    /// All settings of a topic, in the server's order.
    pub async fn describe_topic_configs(
        &self,
        topic: &str,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: TOPIC,
                resource_name: topic.into(),
                configuration_keys: None,
            }],
            ..DescribeConfigsRequest::default()
        };
        self.try_any(&request, |response| {
            let result = first(ApiKey::DescribeConfigs, topic, response.results)?;
            let message = result.error_message.as_deref();
            ClientError::check(ApiKey::DescribeConfigs, topic, result.error_code, message)?;
            let entries = result.configs.into_iter().map(|config| ConfigEntry {
                name: config.name.to_string(),
                value: config.value.map(|value| value.to_string()),
                source: ConfigSource::new(config.config_source),
                read_only: config.read_only,
                sensitive: config.is_sensitive,
            });
            Ok(entries.collect())
        })
        .await
    }

    /// Changes settings of a topic, all or none.
    pub async fn alter_topic_configs(
        &self,
        topic: &str,
        changes: &[ConfigChange],
    ) -> Result<(), ClientError> {
        let change = |change: &ConfigChange| match change {
            ConfigChange::Set(name, value) => AlterableConfig {
                name: name.into(),
                config_operation: SET,
                value: Some(value.into()),
            },
            ConfigChange::Delete(name) => AlterableConfig {
                name: name.into(),
                config_operation: DELETE,
                value: None,
            },
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: topic.into(),
                configs: changes.iter().map(change).collect(),
            }],
            validate_only: false,
        };
        self.try_any(&request, |response| {
            let result = first(ApiKey::IncrementalAlterConfigs, topic, response.responses)?;
            let message = result.error_message.as_deref();
            let api = ApiKey::IncrementalAlterConfigs;
            ClientError::check(api, topic, result.error_code, message)
        })
        .await
    }
}
