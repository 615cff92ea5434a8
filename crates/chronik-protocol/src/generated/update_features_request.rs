//! `UpdateFeaturesRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFeaturesRequest {
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// v1+
    pub validate_only: bool,
}

impl Default for UpdateFeaturesRequest {
    fn default() -> Self {
        Self {
            timeout_ms: 60000,
            feature_updates: Vec::new(),
            validate_only: false,
        }
    }
}

impl Wire for UpdateFeaturesRequest {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.timeout_ms = d.read()?;
        m.feature_updates = d.read()?;
        d.read_if(v >= 1, &mut m.validate_only)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.timeout_ms)?;
        e.write(&self.feature_updates)?;
        e.write_or_default(
            v >= 1,
            &self.validate_only,
            !self.validate_only,
            "ValidateOnly",
        )?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`UpdateFeaturesRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureUpdateKey {
    pub feature: Str,
    pub max_version_level: i16,
    /// v0
    pub allow_downgrade: bool,
    /// v1+
    pub upgrade_type: i8,
}

impl Default for FeatureUpdateKey {
    fn default() -> Self {
        Self {
            feature: Str::default(),
            max_version_level: 0,
            allow_downgrade: false,
            upgrade_type: 1,
        }
    }
}

impl Wire for FeatureUpdateKey {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.feature = d.read()?;
        m.max_version_level = d.read()?;
        d.read_if(v <= 0, &mut m.allow_downgrade)?;
        d.read_if(v >= 1, &mut m.upgrade_type)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.feature)?;
        e.write(&self.max_version_level)?;
        e.write_or_default(
            v <= 0,
            &self.allow_downgrade,
            !self.allow_downgrade,
            "AllowDowngrade",
        )?;
        e.write_or_default(
            v >= 1,
            &self.upgrade_type,
            self.upgrade_type == 1,
            "UpgradeType",
        )?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for UpdateFeaturesRequest {
    const NAME: &'static str = "UpdateFeaturesRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for UpdateFeaturesRequest {
    const KEY: ApiKey = ApiKey::UpdateFeatures;
    type Response = super::UpdateFeaturesResponse;
}
