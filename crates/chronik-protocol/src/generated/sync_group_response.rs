//! `SyncGroupResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncGroupResponse {
    /// v1+
    pub throttle_time_ms: i32,
    pub error_code: i16,
    /// v5+
    pub protocol_type: Option<Str>,
    /// v5+
    pub protocol_name: Option<Str>,
    pub assignment: Bytes,
}

impl Wire for SyncGroupResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        m.error_code = d.read()?;
        d.read_if(v >= 5, &mut m.protocol_type)?;
        d.read_if(v >= 5, &mut m.protocol_name)?;
        m.assignment = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write_if(v >= 5, &self.protocol_type)?;
        e.write_if(v >= 5, &self.protocol_name)?;
        e.write(&self.assignment)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl Message for SyncGroupResponse {
    const NAME: &'static str = "SyncGroupResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Response for SyncGroupResponse {
    const KEY: ApiKey = ApiKey::SyncGroup;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
