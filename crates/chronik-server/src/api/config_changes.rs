//! What AlterConfigs and IncrementalAlterConfigs share: resources are judged and answered one by
//! one, in the request's order; a resource that comes twice is refused wherever it stands.
//!
//! What is in the metadata log is decided by the controller; log levels are this process's own.

use std::collections::{BTreeMap, BTreeSet};

use chronik_controller::{
    ApiError, ConfigAlteration, ConfigResource, ControllerRequest, ControllerResponse,
    IncrementalAlterConfigs,
};
use chronik_protocol::Str;
use chronik_types::ErrorCode;

use super::Context;
use super::config_resource::invalid;
use crate::log_levels::LevelChange;

/// The client's own timeout governs; this is what Kafka's clients use.
const TIMEOUT_MS: i32 = 30_000;

/// What one resource of a request asks for, judged as far as this node can.
pub(super) enum Change {
    Stored(ConfigAlteration),
    Loggers(Vec<LevelChange>),
}

/// The type and name of a resource as they came.
pub(super) type Place = (i8, Str);

/// The places that a request names more than once.
pub(super) fn twice(places: impl Iterator<Item = Place>) -> BTreeSet<Place> {
    let mut seen = BTreeSet::new();
    places.filter(|place| !seen.insert(place.clone())).collect()
}

pub(super) fn refused_twice() -> ApiError {
    invalid("Each resource must appear at most once.")
}

/// Carries out what is legal; the outcome of each, in order.
pub(super) async fn carry_out(
    context: &Context,
    changes: Vec<Result<Change, ApiError>>,
    validate_only: bool,
) -> Vec<Result<(), ApiError>> {
    let stored = changes.iter().filter_map(|change| match change {
        Ok(Change::Stored(alteration)) => Some(alteration.clone()),
        Ok(Change::Loggers(_)) | Err(_) => None,
    });
    let decided = decide(context, stored.collect(), validate_only).await;
    let outcome = |change| match change {
        Err(error) => Err(error),
        Ok(Change::Stored(alteration)) => decided
            .get(&alteration.resource)
            .cloned()
            .unwrap_or_else(|| Err(ApiError::bare(ErrorCode::UnknownServerError))),
        Ok(Change::Loggers(levels)) => {
            if !validate_only {
                context.node.log_levels.change(&levels);
            }
            Ok(())
        }
    };
    changes.into_iter().map(outcome).collect()
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
    let request = ControllerRequest::IncrementalAlterConfigs(IncrementalAlterConfigs {
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
