//! `ConsumerProtocolSubscription`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<Str>,
    pub user_data: Option<Bytes>,
    /// v1+
    pub owned_partitions: Vec<TopicPartition>,
    /// v2+
    pub generation_id: i32,
    /// v3+
    pub rack_id: Option<Str>,
}

impl Default for ConsumerProtocolSubscription {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
        }
    }
}

impl Wire for ConsumerProtocolSubscription {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.topics = d.read()?;
        m.user_data = d.read()?;
        d.read_if(v >= 1, &mut m.owned_partitions)?;
        d.read_if(v >= 2, &mut m.generation_id)?;
        d.read_if(v >= 3, &mut m.rack_id)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.topics)?;
        e.write(&self.user_data)?;
        e.write_if(v >= 1, &self.owned_partitions)?;
        e.write_if(v >= 2, &self.generation_id)?;
        e.write_if(v >= 3, &self.rack_id)?;
        Ok(())
    }
}

/// Part of [`ConsumerProtocolSubscription`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl Wire for TopicPartition {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic = d.read()?;
        m.partitions = d.read()?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic)?;
        e.write(&self.partitions)?;
        Ok(())
    }
}

impl Message for ConsumerProtocolSubscription {
    const NAME: &'static str = "ConsumerProtocolSubscription";
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    const FIRST_FLEXIBLE: Option<i16> = None;
}
