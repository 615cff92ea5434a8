//! `AlterConfigsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterConfigsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<AlterConfigsResourceResponse>,
}

impl Wire for AlterConfigsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.responses = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.responses)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`AlterConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct AlterConfigsResourceResponse {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub resource_type: i8,
    pub resource_name: Str,
}

impl Default for AlterConfigsResourceResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Str::default()),
            resource_type: 0,
            resource_name: Str::default(),
        }
    }
}

impl Wire for AlterConfigsResourceResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.resource_type = d.read()?;
        m.resource_name = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.resource_type)?;
        e.write(&self.resource_name)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl AlterConfigsResourceResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for AlterConfigsResponse {
    const NAME: &'static str = "AlterConfigsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for AlterConfigsResponse {
    const KEY: ApiKey = ApiKey::AlterConfigs;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.responses {
            part.visit_errors(visit);
        }
    }
}
