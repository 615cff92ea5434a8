//! What the types and names of resources in config requests mean.

use chronik_controller::{ApiError, ConfigResource};
use chronik_types::{ErrorCode, NodeId, TopicName};

/// Kafka's resource types.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
pub(super) const BROKER_LOGGER: i8 = 8;
pub(super) const CLIENT_METRICS: i8 = 16;
pub(super) const GROUP: i8 = 32;

/// A resource that is served.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Resource {
    /// One whose configurations are in the metadata log.
    Stored(ConfigResource),
    /// This node's log levels.
    Loggers,
}

pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, text)
}

/// The resource to change that a type and a name mean on the node `own`, to which the request
/// came.
pub(super) fn resource(kind: i8, name: &str, own: NodeId) -> Result<Resource, ApiError> {
    match (kind, name) {
        (TOPIC, "") => Err(invalid("Default topic resources are not allowed.")),
        (TOPIC, name) => TopicName::new(name)
            .map(|name| Resource::Stored(ConfigResource::Topic(name)))
            .map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string())),
        (BROKER, "") => Ok(Resource::Stored(ConfigResource::ClusterDefault)),
        (BROKER, name) => {
            let refused = format!("Unexpected broker id, expected {own}, but received {name}");
            own_id("Node", name, own, refused)?;
            Ok(Resource::Stored(ConfigResource::Broker(own)))
        }
        (BROKER_LOGGER, name) => {
            let refused = format!("Unexpected node id. Expected {own}, but received {name}");
            own_id("Node", name, own, refused).map(|()| Resource::Loggers)
        }
        (CLIENT_METRICS, "") => Err(invalid("Subscription name can't be empty")),
        (CLIENT_METRICS, name) => Ok(Resource::Stored(ConfigResource::ClientMetrics(
            name.to_owned(),
        ))),
        (GROUP, "") => Err(invalid("Default group resources are not allowed.")),
        (GROUP, name) => Ok(Resource::Stored(ConfigResource::Group(name.to_owned()))),
        (kind, _) => Err(invalid(format!("Unknown resource type {kind}"))),
    }
}

/// The resource to describe, as [`resource`]; Kafka refuses in other words here.
pub(super) fn described(kind: i8, name: &str, own: NodeId) -> Result<Resource, ApiError> {
    let refused =
        |rest: &str| format!("Unexpected broker id, expected {own}{rest} received {name}");
    match (kind, name) {
        (TOPIC, "") => Err(ApiError::new(
            ErrorCode::InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        )),
        (BROKER, name) if !name.is_empty() => {
            own_id("Broker", name, own, refused(" or empty string, but"))?;
            Ok(Resource::Stored(ConfigResource::Broker(own)))
        }
        (BROKER_LOGGER, "") => Err(invalid("Broker id must not be empty")),
        (BROKER_LOGGER, name) => {
            own_id("Broker", name, own, refused(" but")).map(|()| Resource::Loggers)
        }
        (GROUP, "") => Err(invalid("Group name must not be empty")),
        (CLIENT_METRICS, "") => Err(invalid(
            "Client metrics subscription name must not be empty",
        )),
        _ => resource(kind, name, own),
    }
}

/// A broker's own things are asked of that broker.
fn own_id(what: &str, name: &str, own: NodeId, refused: String) -> Result<(), ApiError> {
    match name.parse::<i32>() {
        Err(_) => Err(invalid(format!(
            "{what} id must be an integer, but it is: {name}"
        ))),
        Ok(id) if id != own.get() => Err(invalid(refused)),
        Ok(_) => Ok(()),
    }
}
