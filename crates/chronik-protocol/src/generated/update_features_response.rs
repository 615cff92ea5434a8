//! `UpdateFeaturesResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFeaturesResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    /// v0-1
    pub results: Vec<UpdatableFeatureResult>,
}

impl Default for UpdateFeaturesResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Str::default()),
            results: Vec::new(),
        }
    }
}

impl Wire for UpdateFeaturesResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.read_if(v <= 1, &mut m.results)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write_if(v <= 1, &self.results)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`UpdateFeaturesResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatableFeatureResult {
    pub feature: Str,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for UpdatableFeatureResult {
    fn default() -> Self {
        Self {
            feature: Str::default(),
            error_code: 0,
            error_message: Some(Str::default()),
        }
    }
}

impl Wire for UpdatableFeatureResult {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.feature = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.feature)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.no_tags(true);
        Ok(())
    }
}

impl UpdatableFeatureResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for UpdateFeaturesResponse {
    const NAME: &'static str = "UpdateFeaturesResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for UpdateFeaturesResponse {
    const KEY: ApiKey = ApiKey::UpdateFeatures;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
