//! DescribeCluster: v0-v2. Identity and brokers (KIP-700).
//!
//! Version notes: v1 endpoint type, of which this listener has only brokers (1); v2 fenced
//! brokers on request.

use std::ops::RangeInclusive;

use chronik_protocol::generated::describe_cluster_request::DescribeClusterRequest;
use chronik_protocol::generated::describe_cluster_response::{
    DescribeClusterBroker, DescribeClusterResponse,
};
use chronik_types::{ErrorCode, NodeId};

use super::{Context, Handled, Handler, authorized_operations};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) struct DescribeCluster;

impl Handler for DescribeCluster {
    type Request = DescribeClusterRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=2;

    async fn handle(
        context: Context,
        request: DescribeClusterRequest,
    ) -> Handled<DescribeClusterResponse> {
        if context.version >= 1 && request.endpoint_type != BROKERS {
            return wrong_endpoint(request.endpoint_type).into();
        }
        let image = context.node.image();
        let brokers = context.node.brokers(&image, &context.connection.listener);
        let mut response = DescribeClusterResponse {
            cluster_id: context.node.cluster_id.to_string().into(),
            controller_id: context.node.controller_hint(&image).map_or(-1, NodeId::get),
            brokers: brokers
                .into_iter()
                .filter(|broker| request.include_fenced_brokers || !broker.is_fenced)
                .map(|broker| DescribeClusterBroker {
                    broker_id: broker.node.get(),
                    host: broker.host.into(),
                    port: i32::from(broker.port),
                    rack: broker.rack.map(Into::into),
                    is_fenced: context.version >= 2 && broker.is_fenced,
                })
                .collect(),
            ..DescribeClusterResponse::default()
        };
        if request.include_cluster_authorized_operations {
            response.cluster_authorized_operations = authorized_operations::CLUSTER;
        }
        response.into()
    }
}

fn wrong_endpoint(endpoint_type: i8) -> DescribeClusterResponse {
    let (code, text) = if endpoint_type == CONTROLLERS {
        (
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of the wrong type.",
        )
    } else {
        (
            ErrorCode::UnsupportedEndpointType,
            "This endpoint type is not supported yet.",
        )
    };
    DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(text.into()),
        endpoint_type: BROKERS,
        ..DescribeClusterResponse::default()
    }
}
