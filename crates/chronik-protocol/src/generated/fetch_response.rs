//! `FetchResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;
use chronik_types::Uuid;

/// Versions 4 to 18.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchResponse {
    pub throttle_time_ms: i32,
    /// v7+
    pub error_code: i16,
    /// v7+
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    /// v16+, tag 0
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Wire for FetchResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        d.read_if(v >= 7, &mut m.error_code)?;
        d.read_if(v >= 7, &mut m.session_id)?;
        m.responses = d.read()?;
        d.tags(v >= 12, |d, tag| match tag {
            0 if v >= 16 => d.tagged(&mut m.node_endpoints),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write_if(v >= 7, &self.error_code)?;
        e.write_or_default(v >= 7, &self.session_id, self.session_id == 0, "SessionId")?;
        e.write(&self.responses)?;
        let tags = e.begin_tags(v >= 12);
        if !self.node_endpoints.is_empty() {
            e.present(v >= 16, "NodeEndpoints")?;
            e.tagged(tags, 0, &self.node_endpoints)?;
        }
        Ok(())
    }
}

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchableTopicResponse {
    /// v4-12
    pub topic: Str,
    /// v13+
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

impl Wire for FetchableTopicResponse {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 12, &mut m.topic)?;
        d.read_if(v >= 13, &mut m.topic_id)?;
        m.partitions = d.read()?;
        d.skip_tags(v >= 12)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v <= 12, &self.topic)?;
        e.write_if(v >= 13, &self.topic_id)?;
        e.write(&self.partitions)?;
        e.no_tags(v >= 12);
        Ok(())
    }
}

impl FetchableTopicResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    /// v5+
    pub log_start_offset: i64,
    /// v12+, tag 0
    pub diverging_epoch: EpochEndOffset,
    /// v12+, tag 1
    pub current_leader: LeaderIdAndEpoch,
    /// v12+, tag 2
    pub snapshot_id: SnapshotId,
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    /// v11+
    pub preferred_read_replica: i32,
    pub records: Option<Bytes>,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            high_watermark: 0,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging_epoch: EpochEndOffset::default(),
            current_leader: LeaderIdAndEpoch::default(),
            snapshot_id: SnapshotId::default(),
            aborted_transactions: Some(Vec::new()),
            preferred_read_replica: -1,
            records: None,
        }
    }
}

impl Wire for PartitionData {
    const MIN_WIRE: usize = 30;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        m.high_watermark = d.read()?;
        m.last_stable_offset = d.read()?;
        d.read_if(v >= 5, &mut m.log_start_offset)?;
        m.aborted_transactions = d.read()?;
        d.read_if(v >= 11, &mut m.preferred_read_replica)?;
        m.records = d.read()?;
        d.tags(v >= 12, |d, tag| match tag {
            0 => d.tagged(&mut m.diverging_epoch),
            1 => d.tagged(&mut m.current_leader),
            2 => d.tagged(&mut m.snapshot_id),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write(&self.high_watermark)?;
        e.write(&self.last_stable_offset)?;
        e.write_if(v >= 5, &self.log_start_offset)?;
        e.write(&self.aborted_transactions)?;
        e.write_or_default(
            v >= 11,
            &self.preferred_read_replica,
            self.preferred_read_replica == -1,
            "PreferredReadReplica",
        )?;
        e.write(&self.records)?;
        let tags = e.begin_tags(v >= 12);
        if self.diverging_epoch != EpochEndOffset::default() {
            e.present(v >= 12, "DivergingEpoch")?;
            e.tagged(tags, 0, &self.diverging_epoch)?;
        }
        if self.current_leader != LeaderIdAndEpoch::default() {
            e.present(v >= 12, "CurrentLeader")?;
            e.tagged(tags, 1, &self.current_leader)?;
        }
        if self.snapshot_id != SnapshotId::default() {
            e.present(v >= 12, "SnapshotId")?;
            e.tagged(tags, 2, &self.snapshot_id)?;
        }
        Ok(())
    }
}

impl PartitionData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct EpochEndOffset {
    pub epoch: i32,
    pub end_offset: i64,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self {
            epoch: -1,
            end_offset: -1,
        }
    }
}

impl Wire for EpochEndOffset {
    const MIN_WIRE: usize = 13;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.epoch = d.read()?;
        m.end_offset = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.epoch)?;
        e.write(&self.end_offset)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
        }
    }
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

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

impl Default for SnapshotId {
    fn default() -> Self {
        Self {
            end_offset: -1,
            epoch: -1,
        }
    }
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

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

impl Wire for AbortedTransaction {
    const MIN_WIRE: usize = 16;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.producer_id = d.read()?;
        m.first_offset = d.read()?;
        d.skip_tags(v >= 12)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.producer_id)?;
        e.write(&self.first_offset)?;
        e.no_tags(v >= 12);
        Ok(())
    }
}

/// Part of [`FetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}

impl Wire for NodeEndpoint {
    const MIN_WIRE: usize = 11;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.node_id = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        m.rack = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.node_id)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.write(&self.rack)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for FetchResponse {
    const NAME: &'static str = "FetchResponse";
    const VERSIONS: RangeInclusive<i16> = 4..=18;
    const FIRST_FLEXIBLE: Option<i16> = Some(12);
}

impl Response for FetchResponse {
    const KEY: ApiKey = ApiKey::Fetch;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.responses {
            part.visit_errors(visit);
        }
    }
}
