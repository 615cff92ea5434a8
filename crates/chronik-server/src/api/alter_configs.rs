//! AlterConfigs: v0-v2. Replaces all configurations of a topic, broker, group or client metrics
//! subscription: what the request does not name is removed.
//!
//! Behaviour: see `config_changes`. Log levels cannot be replaced, only changed one by one.

use std::ops::RangeInclusive;

use chronik_controller::{AlterConfigOp, ApiError, ConfigAlteration};
use chronik_protocol::generated::alter_configs_request::{
    AlterConfigsRequest, AlterConfigsResource,
};
use chronik_protocol::generated::alter_configs_response::{
    AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::config_changes::{Change, Place, carry_out, refused_twice, twice};
use super::config_resource::{Resource, invalid, resource};
use super::{Context, Handled, Handler, message};

pub(super) struct AlterConfigs;

impl Handler for AlterConfigs {
    type Request = AlterConfigsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=2;

    async fn handle(
        context: Context,
        request: AlterConfigsRequest,
    ) -> Handled<AlterConfigsResponse> {
        let place = |one: &AlterConfigsResource| -> Place {
            (one.resource_type, one.resource_name.clone())
        };
        let twice = twice(request.resources.iter().map(place));
        let read = request.resources.iter().map(|one| {
            if twice.contains(&place(one)) {
                Err(refused_twice())
            } else {
                change(&context, one)
            }
        });
        let read = read.collect();
        let outcomes = carry_out(&context, read, request.validate_only).await;
        let responses = request.resources.into_iter().zip(outcomes);
        AlterConfigsResponse {
            responses: responses
                .map(|(one, outcome)| respond(one, outcome))
                .collect(),
            ..AlterConfigsResponse::default()
        }
        .into()
    }
}

fn change(context: &Context, asked: &AlterConfigsResource) -> Result<Change, ApiError> {
    let own = context.node.config.node_id;
    match resource(asked.resource_type, &asked.resource_name, own)? {
        Resource::Stored(resource) => {
            let set = asked.configs.iter().map(|config| {
                let value = config.value.as_ref().map(ToString::to_string);
                (config.name.to_string(), AlterConfigOp::Set(value))
            });
            Ok(Change::Stored(ConfigAlteration {
                resource,
                ops: set.collect(),
                replace: true,
            }))
        }
        Resource::Loggers => Err(invalid(format!(
            "Unknown resource type {}",
            asked.resource_type
        ))),
    }
}

fn respond(
    asked: AlterConfigsResource,
    outcome: Result<(), ApiError>,
) -> AlterConfigsResourceResponse {
    let mut response = AlterConfigsResourceResponse {
        resource_type: asked.resource_type,
        resource_name: asked.resource_name,
        error_message: None,
        ..AlterConfigsResourceResponse::default()
    };
    if let Err(error) = outcome {
        response.error_code = error.code.code();
        response.error_message = message(error.message);
    }
    response
}
