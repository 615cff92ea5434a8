//! IncrementalAlterConfigs: v0-v1. Changes configurations of topics, brokers, groups and client
//! metrics, and log levels of this node (KIP-339, KIP-412).
//!
//! Behaviour: see `config_changes`. Of brokers only this one and all of them can be changed here,
//! as in Kafka.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chronik_controller::{AlterConfigOp, ApiError, ConfigAlteration};
use chronik_protocol::generated::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use chronik_protocol::generated::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};

use super::config_changes::{Change, Place, carry_out, refused_twice, twice};
use super::config_resource::{Resource, invalid, resource};
use super::{Context, Handled, Handler, message};
use crate::log_levels::judge_levels;

pub(super) struct IncrementalAlterConfigs;

impl Handler for IncrementalAlterConfigs {
    type Request = IncrementalAlterConfigsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=1;

    async fn handle(
        context: Context,
        request: IncrementalAlterConfigsRequest,
    ) -> Handled<IncrementalAlterConfigsResponse> {
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
        IncrementalAlterConfigsResponse {
            responses: responses
                .map(|(one, outcome)| respond(one, outcome))
                .collect(),
            ..IncrementalAlterConfigsResponse::default()
        }
        .into()
    }
}

fn change(context: &Context, asked: &AlterConfigsResource) -> Result<Change, ApiError> {
    let own = context.node.config.node_id;
    match resource(asked.resource_type, &asked.resource_name, own)? {
        Resource::Stored(resource) => Ok(Change::Stored(ConfigAlteration {
            resource,
            ops: asked.configs.iter().map(op).collect::<Result<_, _>>()?,
            replace: false,
        })),
        Resource::Loggers => {
            let mut seen = BTreeSet::new();
            if !asked.configs.iter().all(|config| seen.insert(&config.name)) {
                return Err(invalid("Error due to duplicate config keys"));
            }
            let wanted = asked.configs.iter().map(level).collect::<Result<_, _>>()?;
            let changes = judge_levels(&*context.node.log_levels, wanted)?;
            Ok(Change::Loggers(changes))
        }
    }
}

fn op(config: &AlterableConfig) -> Result<(String, AlterConfigOp), ApiError> {
    let value = config.value.as_ref().map(ToString::to_string);
    let op = match config.config_operation {
        0 => AlterConfigOp::Set(value),
        1 => AlterConfigOp::Delete,
        2 => AlterConfigOp::Append(value),
        3 => AlterConfigOp::Subtract(value),
        other => return Err(invalid(format!("Unknown operation type {other}"))),
    };
    Ok((config.name.to_string(), op))
}

/// A logger and the level asked for it; `None` takes it back.
fn level(config: &AlterableConfig) -> Result<(String, Option<String>), ApiError> {
    let (name, op) = op(config)?;
    match op {
        AlterConfigOp::Set(Some(level)) => Ok((name, Some(level))),
        AlterConfigOp::Delete => Ok((name, None)),
        AlterConfigOp::Set(None) => Err(invalid(format!("Null value not supported for : {name}"))),
        AlterConfigOp::Append(_) => Err(not_for_loggers("APPEND")),
        AlterConfigOp::Subtract(_) => Err(not_for_loggers("SUBTRACT")),
    }
}

fn not_for_loggers(op: &str) -> ApiError {
    invalid(format!(
        "{op} operation is not allowed for the BROKER_LOGGER resource"
    ))
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
