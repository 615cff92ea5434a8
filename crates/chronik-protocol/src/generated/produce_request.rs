//! `ProduceRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use bytes::Bytes;
use chronik_types::Uuid;

/// Versions 3 to 13.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProduceRequest {
    pub transactional_id: Option<Str>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
}

impl Wire for ProduceRequest {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.transactional_id = d.read()?;
        m.acks = d.read()?;
        m.timeout_ms = d.read()?;
        m.topic_data = d.read()?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.transactional_id)?;
        e.write(&self.acks)?;
        e.write(&self.timeout_ms)?;
        e.write(&self.topic_data)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

/// Part of [`ProduceRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicProduceData {
    /// v3-12
    pub name: Str,
    /// v13+
    pub topic_id: Uuid,
    pub partition_data: Vec<PartitionProduceData>,
}

impl Wire for TopicProduceData {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 12, &mut m.name)?;
        d.read_if(v >= 13, &mut m.topic_id)?;
        m.partition_data = d.read()?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v <= 12, &self.name)?;
        e.write_if(v >= 13, &self.topic_id)?;
        e.write(&self.partition_data)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

/// Part of [`ProduceRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionProduceData {
    pub index: i32,
    pub records: Option<Bytes>,
}

impl Wire for PartitionProduceData {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.index = d.read()?;
        m.records = d.read()?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.index)?;
        e.write(&self.records)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

impl Message for ProduceRequest {
    const NAME: &'static str = "ProduceRequest";
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    const FIRST_FLEXIBLE: Option<i16> = Some(9);
}

impl Request for ProduceRequest {
    const KEY: ApiKey = ApiKey::Produce;
    type Response = super::ProduceResponse;
}
