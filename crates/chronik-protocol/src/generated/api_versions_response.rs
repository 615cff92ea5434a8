//! `ApiVersionsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiVersionsResponse {
    pub error_code: i16,
    pub api_keys: Vec<ApiVersion>,
    /// v1+
    pub throttle_time_ms: i32,
    /// v3+, tag 0
    pub supported_features: Vec<SupportedFeatureKey>,
    /// v3+, tag 1
    pub finalized_features_epoch: i64,
    /// v3+, tag 2
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// v3+, tag 3
    pub zk_migration_ready: bool,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        }
    }
}

impl Wire for ApiVersionsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.api_keys = d.read()?;
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        d.tags(v >= 3, |d, tag| match tag {
            0 => d.tagged(&mut m.supported_features),
            1 => d.tagged(&mut m.finalized_features_epoch),
            2 => d.tagged(&mut m.finalized_features),
            3 => d.tagged(&mut m.zk_migration_ready),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.api_keys)?;
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        let tags = e.begin_tags(v >= 3);
        if v >= 3 && !self.supported_features.is_empty() {
            e.tagged(tags, 0, &self.supported_features)?;
        }
        if v >= 3 && self.finalized_features_epoch != -1 {
            e.tagged(tags, 1, &self.finalized_features_epoch)?;
        }
        if v >= 3 && !self.finalized_features.is_empty() {
            e.tagged(tags, 2, &self.finalized_features)?;
        }
        if v >= 3 && self.zk_migration_ready {
            e.tagged(tags, 3, &self.zk_migration_ready)?;
        }
        Ok(())
    }
}

/// Part of [`ApiVersionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
}

impl Wire for ApiVersion {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.api_key = d.read()?;
        m.min_version = d.read()?;
        m.max_version = d.read()?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.api_key)?;
        e.write(&self.min_version)?;
        e.write(&self.max_version)?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

/// Part of [`ApiVersionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SupportedFeatureKey {
    pub name: Str,
    pub min_version: i16,
    pub max_version: i16,
}

impl Wire for SupportedFeatureKey {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.min_version = d.read()?;
        m.max_version = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.min_version)?;
        e.write(&self.max_version)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ApiVersionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinalizedFeatureKey {
    pub name: Str,
    pub max_version_level: i16,
    pub min_version_level: i16,
}

impl Wire for FinalizedFeatureKey {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.max_version_level = d.read()?;
        m.min_version_level = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.max_version_level)?;
        e.write(&self.min_version_level)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for ApiVersionsResponse {
    const NAME: &'static str = "ApiVersionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FIRST_FLEXIBLE: Option<i16> = Some(3);
}

impl Response for ApiVersionsResponse {
    const KEY: ApiKey = ApiKey::ApiVersions;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
