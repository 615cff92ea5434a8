//! `EndQuorumEpochRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    pub topics: Vec<TopicData>,
    /// v1+
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

impl Wire for EndQuorumEpochRequest {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.cluster_id = d.read()?;
        m.topics = d.read()?;
        d.read_if(v >= 1, &mut m.leader_endpoints)?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.cluster_id)?;
        e.write(&self.topics)?;
        e.write_if(v >= 1, &self.leader_endpoints)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`EndQuorumEpochRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicData {
    pub topic_name: Str,
    pub partitions: Vec<PartitionData>,
}

impl Wire for TopicData {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.topic_name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.topic_name)?;
        e.write(&self.partitions)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`EndQuorumEpochRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    /// v0
    pub preferred_successors: Vec<i32>,
    /// v1+
    pub preferred_candidates: Vec<ReplicaInfo>,
}

impl Wire for PartitionData {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.leader_id = d.read()?;
        m.leader_epoch = d.read()?;
        d.read_if(v <= 0, &mut m.preferred_successors)?;
        d.read_if(v >= 1, &mut m.preferred_candidates)?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.leader_id)?;
        e.write(&self.leader_epoch)?;
        e.write_if(v <= 0, &self.preferred_successors)?;
        e.write_if(v >= 1, &self.preferred_candidates)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`EndQuorumEpochRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaInfo {
    pub candidate_id: i32,
    pub candidate_directory_id: Uuid,
}

impl Wire for ReplicaInfo {
    const MIN_WIRE: usize = 21;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.candidate_id = d.read()?;
        m.candidate_directory_id = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.candidate_id)?;
        e.write(&self.candidate_directory_id)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`EndQuorumEpochRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaderEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Wire for LeaderEndpoint {
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

impl Message for EndQuorumEpochRequest {
    const NAME: &'static str = "EndQuorumEpochRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(1);
}

impl Request for EndQuorumEpochRequest {
    const KEY: ApiKey = ApiKey::EndQuorumEpoch;
    type Response = super::EndQuorumEpochResponse;
}
