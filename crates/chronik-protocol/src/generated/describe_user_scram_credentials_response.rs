//! `DescribeUserScramCredentialsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeUserScramCredentialsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub results: Vec<DescribeUserScramCredentialsResult>,
}

impl Default for DescribeUserScramCredentialsResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Str::default()),
            results: Vec::new(),
        }
    }
}

impl Wire for DescribeUserScramCredentialsResponse {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.results = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.results)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeUserScramCredentialsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeUserScramCredentialsResult {
    pub user: Str,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub credential_infos: Vec<CredentialInfo>,
}

impl Default for DescribeUserScramCredentialsResult {
    fn default() -> Self {
        Self {
            user: Str::default(),
            error_code: 0,
            error_message: Some(Str::default()),
            credential_infos: Vec::new(),
        }
    }
}

impl Wire for DescribeUserScramCredentialsResult {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.user = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.credential_infos = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.user)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.credential_infos)?;
        e.no_tags(true);
        Ok(())
    }
}

impl DescribeUserScramCredentialsResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeUserScramCredentialsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CredentialInfo {
    pub mechanism: i8,
    pub iterations: i32,
}

impl Wire for CredentialInfo {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.mechanism = d.read()?;
        m.iterations = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.mechanism)?;
        e.write(&self.iterations)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeUserScramCredentialsResponse {
    const NAME: &'static str = "DescribeUserScramCredentialsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for DescribeUserScramCredentialsResponse {
    const KEY: ApiKey = ApiKey::DescribeUserScramCredentials;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
