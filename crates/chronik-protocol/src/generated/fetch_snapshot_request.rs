//! `FetchSnapshotRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchSnapshotRequest {
    /// v0+, tag 0
    pub cluster_id: Option<Str>,
    pub replica_id: i32,
    pub max_bytes: i32,
    pub topics: Vec<TopicSnapshot>,
}

impl Default for FetchSnapshotRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            max_bytes: 2147483647,
            topics: Vec::new(),
        }
    }
}

impl Wire for FetchSnapshotRequest {
    const MIN_WIRE: usize = 10;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.replica_id = d.read()?;
        m.max_bytes = d.read()?;
        m.topics = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.cluster_id),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.replica_id)?;
        e.write(&self.max_bytes)?;
        e.write(&self.topics)?;
        let tags = e.begin_tags(true);
        if self.cluster_id.is_some() {
            e.tagged(tags, 0, &self.cluster_id)?;
        }
        Ok(())
    }
}

/// Part of [`FetchSnapshotRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicSnapshot {
    pub name: Str,
    pub partitions: Vec<PartitionSnapshot>,
}

impl Wire for TopicSnapshot {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`FetchSnapshotRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionSnapshot {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub snapshot_id: SnapshotId,
    pub position: i64,
    /// v1+, tag 0
    pub replica_directory_id: Uuid,
}

impl Wire for PartitionSnapshot {
    const MIN_WIRE: usize = 30;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition = d.read()?;
        m.current_leader_epoch = d.read()?;
        m.snapshot_id = d.read()?;
        m.position = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 if v >= 1 => d.tagged(&mut m.replica_directory_id),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition)?;
        e.write(&self.current_leader_epoch)?;
        e.write(&self.snapshot_id)?;
        e.write(&self.position)?;
        let tags = e.begin_tags(true);
        if v >= 1 && !self.replica_directory_id.is_zero() {
            e.tagged(tags, 0, &self.replica_directory_id)?;
        }
        Ok(())
    }
}

/// Part of [`FetchSnapshotRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

impl Wire for SnapshotId {
    const MIN_WIRE: usize = 13;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.end_offset = d.read()?;
        m.epoch = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.end_offset)?;
        e.write(&self.epoch)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for FetchSnapshotRequest {
    const NAME: &'static str = "FetchSnapshotRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for FetchSnapshotRequest {
    const KEY: ApiKey = ApiKey::FetchSnapshot;
    type Response = super::FetchSnapshotResponse;
}
