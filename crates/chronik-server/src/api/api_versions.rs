//! ApiVersions: v0-v4. What this node serves, made from the handlers' own table.
//!
//! Behaviour: an unknown version is answered in v0 with UNSUPPORTED_VERSION and the entry of
//! ApiVersions itself, so that the client can come down (KIP-511). Produce is advertised from 0
//! though 0 to 2 are refused: librdkafka up to 2.11.0 otherwise sends uncompressed (KAFKA-18659).
//! Version notes: v3 names the client's software (KIP-511) and tells features (KIP-584); below v4
//! features with minimum 0 are left out (KAFKA-17011).

use std::ops::RangeInclusive;

use chronik_protocol::generated::api_versions_request::ApiVersionsRequest;
use chronik_protocol::generated::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use chronik_protocol::{ApiKey, Str};
use chronik_types::ErrorCode;

use super::{Answer, Context, Handled, Handler, Refused, TABLE};
use crate::features::SUPPORTED;

pub(super) struct ApiVersions;

impl Handler for ApiVersions {
    type Request = ApiVersionsRequest;
    const VERSIONS: RangeInclusive<i16> = 0..=4;

    async fn handle(context: Context, request: ApiVersionsRequest) -> Handled<ApiVersionsResponse> {
        if context.version >= 3 {
            if !is_software(&request.client_software_name)
                || !is_software(&request.client_software_version)
            {
                return ApiVersionsResponse {
                    error_code: ErrorCode::InvalidRequest.code(),
                    ..ApiVersionsResponse::default()
                }
                .into();
            }
            let software = (
                request.client_software_name.to_string(),
                request.client_software_version.to_string(),
            );
            tracing::debug!(event = "client_software", peer = %context.connection.peer, name = software.0, version = software.1);
            let _ = context.connection.software.set(software);
        }
        let image = context.node.image();
        let features = SUPPORTED
            .iter()
            .filter(|feature| context.version >= 4 || feature.min > 0);
        ApiVersionsResponse {
            api_keys: api_keys(),
            supported_features: features
                .map(|feature| SupportedFeatureKey {
                    name: Str::from(feature.name),
                    min_version: feature.min,
                    max_version: feature.max,
                })
                .collect(),
            finalized_features_epoch: image
                .applied()
                .map_or(-1, |index| i64::try_from(index.get()).unwrap_or(i64::MAX)),
            finalized_features: image
                .features()
                .iter()
                .map(|(name, level)| FinalizedFeatureKey {
                    name: Str::from(name.as_str()),
                    max_version_level: *level,
                    min_version_level: *level,
                })
                .collect(),
            ..ApiVersionsResponse::default()
        }
        .into()
    }
}

fn api_keys() -> Vec<ApiVersion> {
    TABLE
        .iter()
        .map(|api| ApiVersion {
            api_key: api.key as i16,
            min_version: if api.key == ApiKey::Produce {
                0
            } else {
                api.min
            },
            max_version: api.max,
        })
        .collect()
}

/// Kafka's rule: letters, digits, and `.` or `-` inside.
fn is_software(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-');
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(text.bytes().next()) && edge(text.bytes().last()) && text.bytes().all(inner)
}

/// The answer to a version we do not know: readable by every client.
pub(super) fn unsupported(correlation_id: i32) -> Result<Answer, Refused> {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: api_keys()
            .into_iter()
            .filter(|api| api.api_key == ApiKey::ApiVersions as i16)
            .collect(),
        ..ApiVersionsResponse::default()
    };
    Ok(Answer::Reply {
        rope: super::encode(correlation_id, 0, &response)?,
        held: None,
    })
}
