//! `VoteRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct VoteRequest {
    pub cluster_id: Option<Str>,
    /// v1+
    pub voter_id: i32,
    pub topics: Vec<TopicData>,
}

impl Default for VoteRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            voter_id: -1,
            topics: Vec::new(),
        }
    }
}

impl Wire for VoteRequest {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.cluster_id = d.read()?;
        d.read_if(v >= 1, &mut m.voter_id)?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.cluster_id)?;
        e.write_if(v >= 1, &self.voter_id)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`VoteRequest`].
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

/// Part of [`VoteRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub replica_epoch: i32,
    pub replica_id: i32,
    /// v1+
    pub replica_directory_id: Uuid,
    /// v1+
    pub voter_directory_id: Uuid,
    pub last_offset_epoch: i32,
    pub last_offset: i64,
    /// v2+
    pub pre_vote: bool,
}

impl Wire for PartitionData {
    const MIN_WIRE: usize = 25;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.replica_epoch = d.read()?;
        m.replica_id = d.read()?;
        d.read_if(v >= 1, &mut m.replica_directory_id)?;
        d.read_if(v >= 1, &mut m.voter_directory_id)?;
        m.last_offset_epoch = d.read()?;
        m.last_offset = d.read()?;
        d.read_if(v >= 2, &mut m.pre_vote)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition_index)?;
        e.write(&self.replica_epoch)?;
        e.write(&self.replica_id)?;
        e.write_if(v >= 1, &self.replica_directory_id)?;
        e.write_if(v >= 1, &self.voter_directory_id)?;
        e.write(&self.last_offset_epoch)?;
        e.write(&self.last_offset)?;
        e.write_or_default(v >= 2, &self.pre_vote, !self.pre_vote, "PreVote")?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for VoteRequest {
    const NAME: &'static str = "VoteRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for VoteRequest {
    const KEY: ApiKey = ApiKey::Vote;
    type Response = super::VoteResponse;
}
