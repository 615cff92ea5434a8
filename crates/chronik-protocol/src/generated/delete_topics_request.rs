//! `DeleteTopicsRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 1 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTopicsRequest {
    /// v6+
    pub topics: Vec<DeleteTopicState>,
    /// v1-5
    pub topic_names: Vec<Str>,
    pub timeout_ms: i32,
}

impl Wire for DeleteTopicsRequest {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 6, &mut m.topics)?;
        d.read_if(v <= 5, &mut m.topic_names)?;
        m.timeout_ms = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(v >= 6, &self.topics, self.topics.is_empty(), "Topics")?;
        e.write_if(v <= 5, &self.topic_names)?;
        e.write(&self.timeout_ms)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`DeleteTopicsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTopicState {
    pub name: Option<Str>,
    pub topic_id: Uuid,
}

impl Wire for DeleteTopicState {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.topic_id = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.topic_id)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DeleteTopicsRequest {
    const NAME: &'static str = "DeleteTopicsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Request for DeleteTopicsRequest {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    type Response = super::DeleteTopicsResponse;
}
