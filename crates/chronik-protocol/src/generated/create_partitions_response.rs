//! `CreatePartitionsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatePartitionsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<CreatePartitionsTopicResult>,
}

impl Wire for CreatePartitionsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.results = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.results)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`CreatePartitionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatePartitionsTopicResult {
    pub name: Str,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Wire for CreatePartitionsTopicResult {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl CreatePartitionsTopicResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for CreatePartitionsResponse {
    const NAME: &'static str = "CreatePartitionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for CreatePartitionsResponse {
    const KEY: ApiKey = ApiKey::CreatePartitions;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
