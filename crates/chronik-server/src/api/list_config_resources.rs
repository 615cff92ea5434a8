//! ListConfigResources: v0-v1. Names of what can have configurations (KIP-714, KIP-1142).
//!
//! Version notes: v0 lists client metrics subscriptions; v1 lists the types asked for, all if none.

use std::ops::RangeInclusive;

use chronik_controller::ConfigResource as Stored;
use chronik_protocol::generated::list_config_resources_request::ListConfigResourcesRequest;
use chronik_protocol::generated::list_config_resources_response::{
    ConfigResource, ListConfigResourcesResponse,
};
use chronik_types::ErrorCode;

use super::config_resource::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::{Context, Handled, Handler};

const ALL: [i8; 5] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

pub(super) struct ListConfigResources;

impl Handler for ListConfigResources {
    type Request = ListConfigResourcesRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=1;

    async fn handle(
        context: Context,
        request: ListConfigResourcesRequest,
    ) -> Handled<ListConfigResourcesResponse> {
        let asked = &request.resource_types;
        let mut response = ListConfigResourcesResponse::default();
        if asked.iter().any(|kind| !ALL.contains(kind)) {
            response.error_code = ErrorCode::UnsupportedVersion.code();
            return response.into();
        }
        let kinds = ALL.into_iter().filter(|kind| match context.version {
            0 => *kind == CLIENT_METRICS,
            _ => asked.is_empty() || asked.contains(kind),
        });
        response.config_resources = kinds.flat_map(|kind| names(&context, kind)).collect();
        response.into()
    }
}

fn names(context: &Context, kind: i8) -> Vec<ConfigResource> {
    let image = context.node.image();
    let named = |name: String| ConfigResource {
        resource_name: name.into(),
        resource_type: kind,
    };
    let stored = image.configured().filter_map(|resource| match resource {
        Stored::Group(name) if kind == GROUP => Some(name.clone()),
        Stored::ClientMetrics(name) if kind == CLIENT_METRICS => Some(name.clone()),
        _ => None,
    });
    match kind {
        TOPIC => image
            .topics()
            .map(|topic| named(topic.name.to_string()))
            .collect(),
        BROKER | BROKER_LOGGER => image
            .brokers()
            .map(|broker| named(broker.node.to_string()))
            .collect(),
        _ => stored.map(named).collect(),
    }
}
