//! `FetchSnapshotResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchSnapshotResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<TopicSnapshot>,
    /// v1+, tag 0
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Wire for FetchSnapshotResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.topics = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 if v >= 1 => d.tagged(&mut m.node_endpoints),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.topics)?;
        let tags = e.begin_tags(true);
        if !self.node_endpoints.is_empty() {
            e.present(v >= 1, "NodeEndpoints")?;
            e.tagged(tags, 0, &self.node_endpoints)?;
        }
        Ok(())
    }
}

/// Part of [`FetchSnapshotResponse`].
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

impl TopicSnapshot {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`FetchSnapshotResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionSnapshot {
    pub index: i32,
    pub error_code: i16,
    pub snapshot_id: SnapshotId,
    /// v0+, tag 0
    pub current_leader: LeaderIdAndEpoch,
    pub size: i64,
    pub position: i64,
    pub unaligned_records: Bytes,
}

impl Wire for PartitionSnapshot {
    const MIN_WIRE: usize = 37;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.index = d.read()?;
        m.error_code = d.read()?;
        m.snapshot_id = d.read()?;
        m.size = d.read()?;
        m.position = d.read()?;
        m.unaligned_records = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.current_leader),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.index)?;
        e.write(&self.error_code)?;
        e.write(&self.snapshot_id)?;
        e.write(&self.size)?;
        e.write(&self.position)?;
        e.write(&self.unaligned_records)?;
        let tags = e.begin_tags(true);
        if self.current_leader != LeaderIdAndEpoch::default() {
            e.tagged(tags, 0, &self.current_leader)?;
        }
        Ok(())
    }
}

impl PartitionSnapshot {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`FetchSnapshotResponse`].
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

/// Part of [`FetchSnapshotResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl Wire for LeaderIdAndEpoch {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.leader_id = d.read()?;
        m.leader_epoch = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.leader_id)?;
        e.write(&self.leader_epoch)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`FetchSnapshotResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}

impl Wire for NodeEndpoint {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.node_id = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.node_id)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for FetchSnapshotResponse {
    const NAME: &'static str = "FetchSnapshotResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for FetchSnapshotResponse {
    const KEY: ApiKey = ApiKey::FetchSnapshot;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
