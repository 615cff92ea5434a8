//! Which versions the other side speaks (ApiVersions), and the one to use.
//!
//! A server that does not know our version of ApiVersions answers in version 0 and says which it
//! knows (KIP-511); then we ask again. Absent: features.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use chronik_protocol::generated::{ApiVersionsRequest, ApiVersionsResponse};
use chronik_protocol::{ApiKey, Str};
use chronik_types::ErrorCode;

use super::{Connection, decode};
use crate::ClientError;

/// What a node offers, by key.
#[derive(Debug)]
pub(super) struct Ranges(BTreeMap<i16, RangeInclusive<i16>>);

impl Ranges {
    fn new(response: &ApiVersionsResponse) -> Self {
        let range = |api: &chronik_protocol::generated::api_versions_response::ApiVersion| {
            (api.api_key, api.min_version..=api.max_version)
        };
        Self(response.api_keys.iter().map(range).collect())
    }

    pub(super) fn of(&self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        self.0.get(&api.code()).cloned()
    }
}

/// The highest version of both sides, at most `max`.
pub(super) fn pick(api: ApiKey, offered: Option<RangeInclusive<i16>>, max: i16) -> Option<i16> {
    let offered = offered?;
    let ours = api.request_versions();
    let highest = api.newest_stable_version().min(*offered.end()).min(max);
    (highest >= *ours.start() && highest >= *offered.start()).then_some(highest)
}

/// Asks until both sides understand each other.
pub(super) async fn ask(connection: &Connection) -> Result<Ranges, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: Str::from_static("chronik"),
        client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
    };
    let mut version = ApiKey::ApiVersions.newest_stable_version();
    loop {
        let frame = connection.send_raw(&request, version).await?;
        let unsupported = error_code(&frame) == Some(ErrorCode::UnsupportedVersion.code());
        let spoken = if unsupported { 0 } else { version };
        let response = decode::<ApiVersionsRequest>(connection.addr(), spoken, &frame)?;
        if !unsupported || version == 0 {
            ClientError::check(ApiKey::ApiVersions, "", response.error_code, None)?;
            return Ok(Ranges::new(&response));
        }
        let offered = Ranges::new(&response).of(ApiKey::ApiVersions);
        version = pick(ApiKey::ApiVersions, offered, version - 1).unwrap_or(0);
    }
}

/// The code stands at the same place in all versions: after the correlation id.
fn error_code(frame: &Bytes) -> Option<i16> {
    let code = frame.get(4..)?.first_chunk::<2>()?;
    Some(i16::from_be_bytes(*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_of_both_sides_is_picked() {
        let api = ApiKey::Metadata;
        assert_eq!(pick(api, Some(0..=13), i16::MAX), Some(13));
        assert_eq!(pick(api, Some(0..=99), i16::MAX), Some(13));
        assert_eq!(pick(api, Some(4..=9), i16::MAX), Some(9));
        assert_eq!(pick(api, Some(4..=9), 7), Some(7));
        assert_eq!(pick(api, Some(4..=9), 3), None);
        assert_eq!(pick(api, Some(90..=99), i16::MAX), None);
        assert_eq!(pick(api, None, i16::MAX), None);
    }

    #[test]
    fn an_unstable_version_is_never_picked() {
        let picked = pick(ApiKey::InitProducerId, Some(0..=6), i16::MAX);
        assert_eq!(picked, Some(ApiKey::InitProducerId.newest_stable_version()));
    }
}
