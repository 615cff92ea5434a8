//! `CreateDelegationTokenRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 1 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateDelegationTokenRequest {
    /// v3+
    pub owner_principal_type: Option<Str>,
    /// v3+
    pub owner_principal_name: Option<Str>,
    pub renewers: Vec<CreatableRenewers>,
    pub max_lifetime_ms: i64,
}

impl Default for CreateDelegationTokenRequest {
    fn default() -> Self {
        Self {
            owner_principal_type: Some(Str::default()),
            owner_principal_name: Some(Str::default()),
            renewers: Vec::new(),
            max_lifetime_ms: 0,
        }
    }
}

impl Wire for CreateDelegationTokenRequest {
    const MIN_WIRE: usize = 10;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 3, &mut m.owner_principal_type)?;
        d.read_if(v >= 3, &mut m.owner_principal_name)?;
        m.renewers = d.read()?;
        m.max_lifetime_ms = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(
            v >= 3,
            &self.owner_principal_type,
            self.owner_principal_type
                .as_ref()
                .is_some_and(|x| x.is_empty()),
            "OwnerPrincipalType",
        )?;
        e.write_or_default(
            v >= 3,
            &self.owner_principal_name,
            self.owner_principal_name
                .as_ref()
                .is_some_and(|x| x.is_empty()),
            "OwnerPrincipalName",
        )?;
        e.write(&self.renewers)?;
        e.write(&self.max_lifetime_ms)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`CreateDelegationTokenRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatableRenewers {
    pub principal_type: Str,
    pub principal_name: Str,
}

impl Wire for CreatableRenewers {
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

impl Message for CreateDelegationTokenRequest {
    const NAME: &'static str = "CreateDelegationTokenRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Request for CreateDelegationTokenRequest {
    const KEY: ApiKey = ApiKey::CreateDelegationToken;
    type Response = super::CreateDelegationTokenResponse;
}
