//! `DescribeQuorumResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeQuorumResponse {
    pub error_code: i16,
    /// v2+
    pub error_message: Option<Str>,
    pub topics: Vec<TopicData>,
    /// v2+
    pub nodes: Vec<Node>,
}

impl Default for DescribeQuorumResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Str::default()),
            topics: Vec::new(),
            nodes: Vec::new(),
        }
    }
}

impl Wire for DescribeQuorumResponse {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        d.read_if(v >= 2, &mut m.error_message)?;
        m.topics = d.read()?;
        d.read_if(v >= 2, &mut m.nodes)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write_if(v >= 2, &self.error_message)?;
        e.write(&self.topics)?;
        e.write_or_default(v >= 2, &self.nodes, self.nodes.is_empty(), "Nodes")?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeQuorumResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicData {
    pub topic_name: Str,
    pub partitions: Vec<PartitionData>,
}

impl Wire for TopicData {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_name)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl TopicData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`DescribeQuorumResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    /// v2+
    pub error_message: Option<Str>,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
}

impl Default for PartitionData {
    fn default() -> Self {
        Self {
            partition_index: 0,
            error_code: 0,
            error_message: Some(Str::default()),
            leader_id: 0,
            leader_epoch: 0,
            high_watermark: 0,
            current_voters: Vec::new(),
            observers: Vec::new(),
        }
    }
}

impl Wire for PartitionData {
    const MIN_WIRE: usize = 25;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        d.read_if(v >= 2, &mut m.error_message)?;
        m.leader_id = d.read()?;
        m.leader_epoch = d.read()?;
        m.high_watermark = d.read()?;
        m.current_voters = d.read()?;
        m.observers = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write_if(v >= 2, &self.error_message)?;
        e.write(&self.leader_id)?;
        e.write(&self.leader_epoch)?;
        e.write(&self.high_watermark)?;
        e.write(&self.current_voters)?;
        e.write(&self.observers)?;
        e.no_tags(true);
        Ok(())
    }
}

impl PartitionData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeQuorumResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
}

impl Wire for Node {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.node_id = d.read()?;
        m.listeners = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.node_id)?;
        e.write(&self.listeners)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeQuorumResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Wire for Listener {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeQuorumResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    /// v2+
    pub replica_directory_id: Uuid,
    pub log_end_offset: i64,
    /// v1+
    pub last_fetch_timestamp: i64,
    /// v1+
    pub last_caught_up_timestamp: i64,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: 0,
            replica_directory_id: Uuid::ZERO,
            log_end_offset: 0,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
        }
    }
}

impl Wire for ReplicaState {
    const MIN_WIRE: usize = 13;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.replica_id = d.read()?;
        d.read_if(v >= 2, &mut m.replica_directory_id)?;
        m.log_end_offset = d.read()?;
        d.read_if(v >= 1, &mut m.last_fetch_timestamp)?;
        d.read_if(v >= 1, &mut m.last_caught_up_timestamp)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.replica_id)?;
        e.write_or_default(
            v >= 2,
            &self.replica_directory_id,
            self.replica_directory_id.is_zero(),
            "ReplicaDirectoryId",
        )?;
        e.write(&self.log_end_offset)?;
        e.write_if(v >= 1, &self.last_fetch_timestamp)?;
        e.write_if(v >= 1, &self.last_caught_up_timestamp)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeQuorumResponse {
    const NAME: &'static str = "DescribeQuorumResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for DescribeQuorumResponse {
    const KEY: ApiKey = ApiKey::DescribeQuorum;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
