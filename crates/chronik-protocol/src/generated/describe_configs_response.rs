//! `DescribeConfigsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 1 to 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeConfigsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DescribeConfigsResult>,
}

impl Wire for DescribeConfigsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.results = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.results)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`DescribeConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResult {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
    pub configs: Vec<DescribeConfigsResourceResult>,
}

impl Default for DescribeConfigsResult {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Str::default()),
            resource_type: 0,
            resource_name: Str::default(),
            configs: Vec::new(),
        }
    }
}

impl Wire for DescribeConfigsResult {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.resource_type = d.read()?;
        m.resource_name = d.read()?;
        m.configs = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.resource_type)?;
        e.write(&self.resource_name)?;
        e.write(&self.configs)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl DescribeConfigsResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResourceResult {
    pub name: Str,
    pub value: Option<Str>,
    pub read_only: bool,
    pub config_source: i8,
    pub is_sensitive: bool,
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// v3+
    pub config_type: i8,
    /// v3+
    pub documentation: Option<Str>,
}

impl Default for DescribeConfigsResourceResult {
    fn default() -> Self {
        Self {
            name: Str::default(),
            value: Some(Str::default()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: Vec::new(),
            config_type: 0,
            documentation: Some(Str::default()),
        }
    }
}

impl Wire for DescribeConfigsResourceResult {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.value = d.read()?;
        m.read_only = d.read()?;
        m.config_source = d.read()?;
        m.is_sensitive = d.read()?;
        m.synonyms = d.read()?;
        d.read_if(v >= 3, &mut m.config_type)?;
        d.read_if(v >= 3, &mut m.documentation)?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.value)?;
        e.write(&self.read_only)?;
        e.write(&self.config_source)?;
        e.write(&self.is_sensitive)?;
        e.write(&self.synonyms)?;
        e.write_if(v >= 3, &self.config_type)?;
        e.write_if(v >= 3, &self.documentation)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`DescribeConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsSynonym {
    pub name: Str,
    pub value: Option<Str>,
    pub source: i8,
}

impl Default for DescribeConfigsSynonym {
    fn default() -> Self {
        Self {
            name: Str::default(),
            value: Some(Str::default()),
            source: 0,
        }
    }
}

impl Wire for DescribeConfigsSynonym {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.value = d.read()?;
        m.source = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.value)?;
        e.write(&self.source)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl Message for DescribeConfigsResponse {
    const NAME: &'static str = "DescribeConfigsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Response for DescribeConfigsResponse {
    const KEY: ApiKey = ApiKey::DescribeConfigs;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
