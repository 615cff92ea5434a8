//! `HeartbeatResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Wire};

/// Versions 0 to 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeartbeatResponse {
    /// v1+
    pub throttle_time_ms: i32,
    pub error_code: i16,
}

impl Wire for HeartbeatResponse {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        m.error_code = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl Message for HeartbeatResponse {
    const NAME: &'static str = "HeartbeatResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Response for HeartbeatResponse {
    const KEY: ApiKey = ApiKey::Heartbeat;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
