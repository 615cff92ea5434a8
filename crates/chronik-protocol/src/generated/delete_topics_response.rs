//! `DeleteTopicsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 1 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTopicsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
}

impl Wire for DeleteTopicsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.responses = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.responses)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`DeleteTopicsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeletableTopicResult {
    pub name: Option<Str>,
    /// v6+
    pub topic_id: Uuid,
    pub error_code: i16,
    /// v5+
    pub error_message: Option<Str>,
}

impl Default for DeletableTopicResult {
    fn default() -> Self {
        Self {
            name: Some(Str::default()),
            topic_id: Uuid::ZERO,
            error_code: 0,
            error_message: None,
        }
    }
}

impl Wire for DeletableTopicResult {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_nullable(true, v >= 6, &mut m.name)?;
        d.read_if(v >= 6, &mut m.topic_id)?;
        m.error_code = d.read()?;
        d.read_if(v >= 5, &mut m.error_message)?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_nullable(true, v >= 6, &self.name, "Name")?;
        e.write_if(v >= 6, &self.topic_id)?;
        e.write(&self.error_code)?;
        e.write_if(v >= 5, &self.error_message)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl DeletableTopicResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for DeleteTopicsResponse {
    const NAME: &'static str = "DeleteTopicsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Response for DeleteTopicsResponse {
    const KEY: ApiKey = ApiKey::DeleteTopics;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.responses {
            part.visit_errors(visit);
        }
    }
}
