//! `GetTelemetrySubscriptionsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetTelemetrySubscriptionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub accepted_compression_types: Vec<i8>,
    pub push_interval_ms: i32,
    pub telemetry_max_bytes: i32,
    pub delta_temporality: bool,
    pub requested_metrics: Vec<Str>,
}

impl Wire for GetTelemetrySubscriptionsResponse {
    const MIN_WIRE: usize = 38;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.client_instance_id = d.read()?;
        m.subscription_id = d.read()?;
        m.accepted_compression_types = d.read()?;
        m.push_interval_ms = d.read()?;
        m.telemetry_max_bytes = d.read()?;
        m.delta_temporality = d.read()?;
        m.requested_metrics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.client_instance_id)?;
        e.write(&self.subscription_id)?;
        e.write(&self.accepted_compression_types)?;
        e.write(&self.push_interval_ms)?;
        e.write(&self.telemetry_max_bytes)?;
        e.write(&self.delta_temporality)?;
        e.write(&self.requested_metrics)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for GetTelemetrySubscriptionsResponse {
    const NAME: &'static str = "GetTelemetrySubscriptionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for GetTelemetrySubscriptionsResponse {
    const KEY: ApiKey = ApiKey::GetTelemetrySubscriptions;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
