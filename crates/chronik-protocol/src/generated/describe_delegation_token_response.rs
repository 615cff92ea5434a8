//! `DescribeDelegationTokenResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;

/// Versions 1 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeDelegationTokenResponse {
    pub error_code: i16,
    pub tokens: Vec<DescribedDelegationToken>,
    pub throttle_time_ms: i32,
}

impl Wire for DescribeDelegationTokenResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.tokens = d.read()?;
        m.throttle_time_ms = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.tokens)?;
        e.write(&self.throttle_time_ms)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`DescribeDelegationTokenResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribedDelegationToken {
    pub principal_type: Str,
    pub principal_name: Str,
    /// v3+
    pub token_requester_principal_type: Str,
    /// v3+
    pub token_requester_principal_name: Str,
    pub issue_timestamp: i64,
    pub expiry_timestamp: i64,
    pub max_timestamp: i64,
    pub token_id: Str,
    pub hmac: Bytes,
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
}

impl Wire for DescribedDelegationToken {
    const MIN_WIRE: usize = 30;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.principal_type = d.read()?;
        m.principal_name = d.read()?;
        d.read_if(v >= 3, &mut m.token_requester_principal_type)?;
        d.read_if(v >= 3, &mut m.token_requester_principal_name)?;
        m.issue_timestamp = d.read()?;
        m.expiry_timestamp = d.read()?;
        m.max_timestamp = d.read()?;
        m.token_id = d.read()?;
        m.hmac = d.read()?;
        m.renewers = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.principal_type)?;
        e.write(&self.principal_name)?;
        e.write_or_default(
            v >= 3,
            &self.token_requester_principal_type,
            self.token_requester_principal_type.is_empty(),
            "TokenRequesterPrincipalType",
        )?;
        e.write_or_default(
            v >= 3,
            &self.token_requester_principal_name,
            self.token_requester_principal_name.is_empty(),
            "TokenRequesterPrincipalName",
        )?;
        e.write(&self.issue_timestamp)?;
        e.write(&self.expiry_timestamp)?;
        e.write(&self.max_timestamp)?;
        e.write(&self.token_id)?;
        e.write(&self.hmac)?;
        e.write(&self.renewers)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`DescribeDelegationTokenResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribedDelegationTokenRenewer {
    pub principal_type: Str,
    pub principal_name: Str,
}

impl Wire for DescribedDelegationTokenRenewer {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.principal_type = d.read()?;
        m.principal_name = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.principal_type)?;
        e.write(&self.principal_name)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl Message for DescribeDelegationTokenResponse {
    const NAME: &'static str = "DescribeDelegationTokenResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for DescribeDelegationTokenResponse {
    const KEY: ApiKey = ApiKey::DescribeDelegationToken;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
