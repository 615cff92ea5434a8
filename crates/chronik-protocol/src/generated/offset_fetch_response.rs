//! `OffsetFetchResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 1 to 10.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponse {
    /// v3+
    pub throttle_time_ms: i32,
    /// v1-7
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// v2-7
    pub error_code: i16,
    /// v8+
    pub groups: Vec<OffsetFetchResponseGroup>,
}

impl Wire for OffsetFetchResponse {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 3, &mut m.throttle_time_ms)?;
        d.read_if(v <= 7, &mut m.topics)?;
        d.read_if((2..=7).contains(&v), &mut m.error_code)?;
        d.read_if(v >= 8, &mut m.groups)?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 3, &self.throttle_time_ms)?;
        e.write_or_default(v <= 7, &self.topics, self.topics.is_empty(), "Topics")?;
        e.write_if((2..=7).contains(&v), &self.error_code)?;
        e.write_or_default(v >= 8, &self.groups, self.groups.is_empty(), "Groups")?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`OffsetFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

impl Wire for OffsetFetchResponseTopic {
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

impl OffsetFetchResponseTopic {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`OffsetFetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// v5-7
    pub committed_leader_epoch: i32,
    pub metadata: Option<Str>,
    pub error_code: i16,
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::default()),
            error_code: 0,
        }
    }
}

impl Wire for OffsetFetchResponsePartition {
    const MIN_WIRE: usize = 16;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.committed_offset = d.read()?;
        d.read_if(v >= 5, &mut m.committed_leader_epoch)?;
        m.metadata = d.read()?;
        m.error_code = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.committed_offset)?;
        e.write_if(v >= 5, &self.committed_leader_epoch)?;
        e.write(&self.metadata)?;
        e.write(&self.error_code)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

impl OffsetFetchResponsePartition {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`OffsetFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponseGroup {
    pub group_id: Str,
    pub topics: Vec<OffsetFetchResponseTopics>,
    pub error_code: i16,
}

impl Wire for OffsetFetchResponseGroup {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.topics = d.read()?;
        m.error_code = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.group_id)?;
        e.write(&self.topics)?;
        e.write(&self.error_code)?;
        e.no_tags(true);
        Ok(())
    }
}

impl OffsetFetchResponseGroup {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
        visit(self.error_code);
    }
}

/// Part of [`OffsetFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchResponseTopics {
    /// v8-9
    pub name: Str,
    /// v10+
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

impl Wire for OffsetFetchResponseTopics {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 9, &mut m.name)?;
        d.read_if(v >= 10, &mut m.topic_id)?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v <= 9, &self.name)?;
        e.write_if(v >= 10, &self.topic_id)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl OffsetFetchResponseTopics {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`OffsetFetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    pub committed_offset: i64,
    pub committed_leader_epoch: i32,
    pub metadata: Option<Str>,
    pub error_code: i16,
}

impl Default for OffsetFetchResponsePartitions {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(Str::default()),
            error_code: 0,
        }
    }
}

impl Wire for OffsetFetchResponsePartitions {
    const MIN_WIRE: usize = 20;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.committed_offset = d.read()?;
        m.committed_leader_epoch = d.read()?;
        m.metadata = d.read()?;
        m.error_code = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition_index)?;
        e.write(&self.committed_offset)?;
        e.write(&self.committed_leader_epoch)?;
        e.write(&self.metadata)?;
        e.write(&self.error_code)?;
        e.no_tags(true);
        Ok(())
    }
}

impl OffsetFetchResponsePartitions {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for OffsetFetchResponse {
    const NAME: &'static str = "OffsetFetchResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=10;
    const FIRST_FLEXIBLE: Option<i16> = Some(6);
}

impl Response for OffsetFetchResponse {
    const KEY: ApiKey = ApiKey::OffsetFetch;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
        visit(self.error_code);
        for part in &self.groups {
            part.visit_errors(visit);
        }
    }
}
