//! `SaslAuthenticateResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct SaslAuthenticateResponse {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub auth_bytes: Bytes,
    /// v1+
    pub session_lifetime_ms: i64,
}

impl Default for SaslAuthenticateResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Str::default()),
            auth_bytes: Bytes::new(),
            session_lifetime_ms: 0,
        }
    }
}

impl Wire for SaslAuthenticateResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.auth_bytes = d.read()?;
        d.read_if(v >= 1, &mut m.session_lifetime_ms)?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.auth_bytes)?;
        e.write_if(v >= 1, &self.session_lifetime_ms)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl Message for SaslAuthenticateResponse {
    const NAME: &'static str = "SaslAuthenticateResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for SaslAuthenticateResponse {
    const KEY: ApiKey = ApiKey::SaslAuthenticate;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
