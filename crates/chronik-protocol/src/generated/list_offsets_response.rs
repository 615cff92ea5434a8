//! `ListOffsetsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 1 to 11.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsResponse {
    /// v2+
    pub throttle_time_ms: i32,
    pub topics: Vec<ListOffsetsTopicResponse>,
}

impl Wire for ListOffsetsResponse {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 2, &mut m.throttle_time_ms)?;
        m.topics = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 2, &self.throttle_time_ms)?;
        e.write(&self.topics)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`ListOffsetsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOffsetsTopicResponse {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

impl Wire for ListOffsetsTopicResponse {
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

impl ListOffsetsTopicResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`ListOffsetsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct ListOffsetsPartitionResponse {
    pub partition_index: i32,
    pub error_code: i16,
    pub timestamp: i64,
    pub offset: i64,
    /// v4+
    pub leader_epoch: i32,
}

impl Default for ListOffsetsPartitionResponse {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            timestamp: -1,
            offset: -1,
            leader_epoch: -1,
        }
    }
}

impl Wire for ListOffsetsPartitionResponse {
    const MIN_WIRE: usize = 22;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        m.timestamp = d.read()?;
        m.offset = d.read()?;
        d.read_if(v >= 4, &mut m.leader_epoch)?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write(&self.timestamp)?;
        e.write(&self.offset)?;
        e.write_or_default(
            v >= 4,
            &self.leader_epoch,
            self.leader_epoch == -1,
            "LeaderEpoch",
        )?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

impl ListOffsetsPartitionResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for ListOffsetsResponse {
    const NAME: &'static str = "ListOffsetsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=11;
    const FIRST_FLEXIBLE: Option<i16> = Some(6);
}

impl Response for ListOffsetsResponse {
    const KEY: ApiKey = ApiKey::ListOffsets;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
