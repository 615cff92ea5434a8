//! IncrementalAlterConfigs: v0-v1. Changes configurations of topics and brokers (KIP-339).
//!
//! Behaviour: resource by resource, answered in the request's order. One that comes twice is
//! refused wherever it stands, before anything of it is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chronik_controller::{
    AlterConfigOp, ApiError, ConfigAlteration, ConfigResource, ControllerRequest,
    ControllerResponse,
};
use chronik_protocol::generated::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use chronik_protocol::generated::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};
use chronik_types::{ErrorCode, NodeId, TopicName};

use super::{Context, Handled, Handler, message};

/// Kafka's resource types, as far as they are served.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// The client's own timeout governs; this is what Kafka's clients use.
const TIMEOUT_MS: i32 = 30_000;

pub(super) struct IncrementalAlterConfigs;

impl Handler for IncrementalAlterConfigs {
    type Request = IncrementalAlterConfigsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=1;

    async fn handle(
        context: Context,
        request: IncrementalAlterConfigsRequest,
    ) -> Handled<IncrementalAlterConfigsResponse> {
        let read = read(&request.resources);
        let legal: Vec<ConfigAlteration> = read
            .iter()
            .filter_map(|r| r.as_ref().ok().cloned())
            .collect();
        let decided = decide(&context, legal, request.validate_only).await;
        let responses = request.resources.iter().zip(read).map(|(asked, read)| {
            let result = read.and_then(|alteration| {
                let decided = decided.get(&alteration.resource).cloned();
                decided.unwrap_or_else(|| Err(ApiError::bare(ErrorCode::UnknownServerError)))
            });
            respond(asked, result)
        });
        IncrementalAlterConfigsResponse {
            responses: responses.collect(),
            ..IncrementalAlterConfigsResponse::default()
        }
        .into()
    }
}

async fn decide(
    context: &Context,
    resources: Vec<ConfigAlteration>,
    validate_only: bool,
) -> BTreeMap<ConfigResource, Result<(), ApiError>> {
    if resources.is_empty() {
        return BTreeMap::new();
    }
    let asked: Vec<ConfigResource> = resources.iter().map(|one| one.resource.clone()).collect();
    let request =
        ControllerRequest::IncrementalAlterConfigs(chronik_controller::IncrementalAlterConfigs {
            resources,
            validate_only,
        });
    match context.node.submit(request, TIMEOUT_MS).await {
        Ok(ControllerResponse::IncrementalAlterConfigs(results)) => results.into_iter().collect(),
        Ok(_) => unreachable!("the controller answers what was asked"),
        Err(error) => asked
            .into_iter()
            .map(|resource| (resource, Err(error.clone())))
            .collect(),
    }
}

/// What each entry of the request asks for.
fn read(resources: &[AlterConfigsResource]) -> Vec<Result<ConfigAlteration, ApiError>> {
    let place = |one: &AlterConfigsResource| (one.resource_type, one.resource_name.clone());
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<_> = resources
        .iter()
        .map(place)
        .filter(|place| !seen.insert(place.clone()))
        .collect();
    resources
        .iter()
        .map(|resource| {
            if twice.contains(&place(resource)) {
                return Err(ApiError::new(
                    ErrorCode::InvalidRequest,
                    "Each resource must appear at most once.",
                ));
            }
            alteration(resource)
        })
        .collect()
}

fn alteration(resource: &AlterConfigsResource) -> Result<ConfigAlteration, ApiError> {
    Ok(ConfigAlteration {
        resource: config_resource(resource.resource_type, &resource.resource_name)?,
        ops: resource.configs.iter().map(op).collect::<Result<_, _>>()?,
        replace: false,
    })
}

/// The resource that a type and a name mean.
pub(super) fn config_resource(kind: i8, name: &str) -> Result<ConfigResource, ApiError> {
    let invalid = |text: String| ApiError::new(ErrorCode::InvalidRequest, text);
    match (kind, name) {
        (TOPIC, name) => TopicName::new(name)
            .map(ConfigResource::Topic)
            .map_err(|error| ApiError::new(ErrorCode::InvalidTopicException, error.to_string())),
        (BROKER, "") => Ok(ConfigResource::ClusterDefault),
        (BROKER, name) => name
            .parse()
            .map(|id| ConfigResource::Broker(NodeId::new(id)))
            .map_err(|_| invalid(format!("Broker id must be an integer, but it is: {name}"))),
        (kind, _) => Err(invalid(format!("resource type {kind} is not supported"))),
    }
}

fn op(config: &AlterableConfig) -> Result<(String, AlterConfigOp), ApiError> {
    let value = config.value.as_ref().map(ToString::to_string);
    let op = match config.config_operation {
        0 => AlterConfigOp::Set(value),
        1 => AlterConfigOp::Delete,
        2 => AlterConfigOp::Append(value),
        3 => AlterConfigOp::Subtract(value),
        other => {
            return Err(ApiError::new(
                ErrorCode::InvalidRequest,
                format!("unknown operation type {other}"),
            ));
        }
    };
    Ok((config.name.to_string(), op))
}

fn respond(
    asked: &AlterConfigsResource,
    result: Result<(), ApiError>,
) -> AlterConfigsResourceResponse {
    let mut response = AlterConfigsResourceResponse {
        resource_type: asked.resource_type,
        resource_name: asked.resource_name.clone(),
        error_message: None,
        ..AlterConfigsResourceResponse::default()
    };
    if let Err(error) = result {
        response.error_code = error.code.code();
        response.error_message = message(error.message);
    }
    response
}
