//! Settings of topics, nodes and groups: what they are, where they come from, and changing them.

use std::fmt;

use chronik_protocol::generated::describe_configs_request::DescribeConfigsResource;
use chronik_protocol::generated::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use chronik_protocol::generated::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use chronik_protocol::{ApiKey, Request};
use chronik_types::{ErrorCode, NodeId};

use super::Client;
use super::admin::first;
use crate::ClientError;

const SET: i8 = 0;
const DELETE: i8 = 1;

/// What has settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigTarget {
    /// A topic.
    Topic(String),
    /// One node.
    Broker(NodeId),
    /// All nodes, where they do not say otherwise.
    Cluster,
    /// A group, whether it is there or not.
    Group(String),
}

impl ConfigTarget {
    /// Kafka's number of the type of resource.
    const fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::Cluster => 4,
            Self::Group(_) => 32,
        }
    }

    /// The resource's name on the wire.
    fn name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(node) => node.to_string(),
            Self::Cluster => String::new(),
        }
    }
}

impl fmt::Display for ConfigTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(node) => write!(f, "broker {node}"),
            Self::Cluster => f.write_str("the cluster"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

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
    /// The group's own.
    Group,
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
            8 => Self::Group,
            other => Self::Other(other),
        }
    }

    /// The name for people and scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::Cluster => "cluster",
            Self::Group => "group",
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
        self.describe_configs(&ConfigTarget::Topic(topic.to_owned()))
            .await
    }

    /// Changes settings of a topic, all or none.
    pub async fn alter_topic_configs(
        &self,
        topic: &str,
        changes: &[ConfigChange],
    ) -> Result<(), ClientError> {
        self.alter_configs(&ConfigTarget::Topic(topic.to_owned()), changes)
            .await
    }

    /// All settings of a target, in the server's order.
    pub async fn describe_configs(
        &self,
        target: &ConfigTarget,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let name = target.name();
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type: target.kind(),
                resource_name: name.as_str().into(),
                configuration_keys: None,
            }],
            ..DescribeConfigsRequest::default()
        };
        self.ask_target(target, &request, |response| {
            let result = first(ApiKey::DescribeConfigs, &name, response.results)?;
            let message = result.error_message.as_deref();
            ClientError::check(ApiKey::DescribeConfigs, &name, result.error_code, message)?;
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

    /// Changes settings of a target, all or none.
    pub async fn alter_configs(
        &self,
        target: &ConfigTarget,
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
        let name = target.name();
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: target.kind(),
                resource_name: name.as_str().into(),
                configs: changes.iter().map(change).collect(),
            }],
            validate_only: false,
        };
        self.ask_target(target, &request, |response| {
            let api = ApiKey::IncrementalAlterConfigs;
            let result = first(api, &name, response.responses)?;
            let message = result.error_message.as_deref();
            ClientError::check(api, &name, result.error_code, message)
        })
        .await
    }

    /// A node's own settings are asked of that node, all else of any.
    async fn ask_target<R: Request + 'static, T>(
        &self,
        target: &ConfigTarget,
        request: &R,
        check: impl Fn(R::Response) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let ConfigTarget::Broker(node) = target else {
            return self.try_any(request, check).await;
        };
        let addr = self.addr_of(*node).ok_or_else(|| ClientError::Refused {
            api: R::KEY,
            subject: node.to_string(),
            code: ErrorCode::BrokerIdNotRegistered,
            message: Some(format!("there is no broker {node}")),
        })?;
        let mut retry = self.retry();
        loop {
            let asked = async { self.connection(&addr).await?.ask(request).await };
            match asked.await.and_then(&check) {
                Err(error) => retry.again(error).await?,
                done => return done,
            }
        }
    }
}
