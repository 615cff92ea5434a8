//! `OffsetCommitRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 2 to 10.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetCommitRequest {
    pub group_id: Str,
    pub generation_id_or_member_epoch: i32,
    pub member_id: Str,
    /// v7+
    pub group_instance_id: Option<Str>,
    /// v2-4
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        Self {
            group_id: Str::default(),
            generation_id_or_member_epoch: -1,
            member_id: Str::default(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
        }
    }
}

impl Wire for OffsetCommitRequest {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.generation_id_or_member_epoch = d.read()?;
        m.member_id = d.read()?;
        d.read_if(v >= 7, &mut m.group_instance_id)?;
        d.read_if(v <= 4, &mut m.retention_time_ms)?;
        m.topics = d.read()?;
        d.skip_tags(v >= 8)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write(&self.generation_id_or_member_epoch)?;
        e.write(&self.member_id)?;
        e.write_or_default(
            v >= 7,
            &self.group_instance_id,
            self.group_instance_id.is_none(),
            "GroupInstanceId",
        )?;
        e.write_if(v <= 4, &self.retention_time_ms)?;
        e.write(&self.topics)?;
        e.no_tags(v >= 8);
        Ok(())
    }
}

/// Part of [`OffsetCommitRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetCommitRequestTopic {
    /// v2-9
    pub name: Str,
    /// v10+
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

impl Wire for OffsetCommitRequestTopic {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 9, &mut m.name)?;
        d.read_if(v >= 10, &mut m.topic_id)?;
        m.partitions = d.read()?;
        d.skip_tags(v >= 8)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v <= 9, &self.name)?;
        e.write_if(v >= 10, &self.topic_id)?;
        e.write(&self.partitions)?;
        e.no_tags(v >= 8);
        Ok(())
    }
}

/// Part of [`OffsetCommitRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    /// v6+
    pub committed_leader_epoch: i32,
    pub committed_metadata: Option<Str>,
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(Str::default()),
        }
    }
}

impl Wire for OffsetCommitRequestPartition {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.committed_offset = d.read()?;
        d.read_if(v >= 6, &mut m.committed_leader_epoch)?;
        m.committed_metadata = d.read()?;
        d.skip_tags(v >= 8)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.committed_offset)?;
        e.write_if(v >= 6, &self.committed_leader_epoch)?;
        e.write(&self.committed_metadata)?;
        e.no_tags(v >= 8);
        Ok(())
    }
}

impl Message for OffsetCommitRequest {
    const NAME: &'static str = "OffsetCommitRequest";
    const VERSIONS: RangeInclusive<i16> = 2..=10;
    const FIRST_FLEXIBLE: Option<i16> = Some(8);
}

impl Request for OffsetCommitRequest {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    type Response = super::OffsetCommitResponse;
}
