//! `RenewDelegationTokenResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Wire};

/// Versions 1 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenewDelegationTokenResponse {
    pub error_code: i16,
    pub expiry_timestamp_ms: i64,
    pub throttle_time_ms: i32,
}

impl Wire for RenewDelegationTokenResponse {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.expiry_timestamp_ms = d.read()?;
        m.throttle_time_ms = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.expiry_timestamp_ms)?;
        e.write(&self.throttle_time_ms)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl Message for RenewDelegationTokenResponse {
    const NAME: &'static str = "RenewDelegationTokenResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for RenewDelegationTokenResponse {
    const KEY: ApiKey = ApiKey::RenewDelegationToken;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
