//! `ListOffsetsRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 1 to 11.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsRequest {
    pub replica_id: i32,
    /// v2+
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
    /// v10+
    pub timeout_ms: i32,
}

impl Wire for ListOffsetsRequest {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.replica_id = d.read()?;
        d.read_if(v >= 2, &mut m.isolation_level)?;
        m.topics = d.read()?;
        d.read_if(v >= 10, &mut m.timeout_ms)?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.replica_id)?;
        e.write_or_default(
            v >= 2,
            &self.isolation_level,
            self.isolation_level == 0,
            "IsolationLevel",
        )?;
        e.write(&self.topics)?;
        e.write_if(v >= 10, &self.timeout_ms)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`ListOffsetsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsTopic {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartition>,
}

impl Wire for ListOffsetsTopic {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.partitions)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`ListOffsetsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    /// v4+
    pub current_leader_epoch: i32,
    pub timestamp: i64,
}

impl Default for ListOffsetsPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            current_leader_epoch: -1,
            timestamp: 0,
        }
    }
}

impl Wire for ListOffsetsPartition {
    const MIN_WIRE: usize = 12;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        d.read_if(v >= 4, &mut m.current_leader_epoch)?;
        m.timestamp = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write_if(v >= 4, &self.current_leader_epoch)?;
        e.write(&self.timestamp)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

impl Message for ListOffsetsRequest {
    const NAME: &'static str = "ListOffsetsRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=11;
    const FIRST_FLEXIBLE: Option<i16> = Some(6);
}

impl Request for ListOffsetsRequest {
    const KEY: ApiKey = ApiKey::ListOffsets;
    type Response = super::ListOffsetsResponse;
}
