//! `FetchRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 4 to 18.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest {
    /// v12+, tag 0
    pub cluster_id: Option<Str>,
    /// v4-14
    pub replica_id: i32,
    /// v15+, tag 1
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub isolation_level: i8,
    /// v7+
    pub session_id: i32,
    /// v7+
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    /// v7+
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    /// v11+
    pub rack_id: Str,
}

impl Default for FetchRequest {
    fn default() -> Self {
        Self {
            cluster_id: None,
            replica_id: -1,
            replica_state: ReplicaState::default(),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 2147483647,
            isolation_level: 0,
            session_id: 0,
            session_epoch: -1,
            topics: Vec::new(),
            forgotten_topics_data: Vec::new(),
            rack_id: Str::default(),
        }
    }
}

impl Wire for FetchRequest {
    const MIN_WIRE: usize = 21;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 14, &mut m.replica_id)?;
        m.max_wait_ms = d.read()?;
        m.min_bytes = d.read()?;
        m.max_bytes = d.read()?;
        m.isolation_level = d.read()?;
        d.read_if(v >= 7, &mut m.session_id)?;
        d.read_if(v >= 7, &mut m.session_epoch)?;
        m.topics = d.read()?;
        d.read_if(v >= 7, &mut m.forgotten_topics_data)?;
        d.read_if(v >= 11, &mut m.rack_id)?;
        d.tags(v >= 12, |d, tag| match tag {
            0 => d.tagged(&mut m.cluster_id),
            1 if v >= 15 => d.tagged(&mut m.replica_state),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(
            v <= 14,
            &self.replica_id,
            self.replica_id == -1,
            "ReplicaId",
        )?;
        e.write(&self.max_wait_ms)?;
        e.write(&self.min_bytes)?;
        e.write(&self.max_bytes)?;
        e.write(&self.isolation_level)?;
        e.write_if(v >= 7, &self.session_id)?;
        e.write_if(v >= 7, &self.session_epoch)?;
        e.write(&self.topics)?;
        e.write_or_default(
            v >= 7,
            &self.forgotten_topics_data,
            self.forgotten_topics_data.is_empty(),
            "ForgottenTopicsData",
        )?;
        e.write_if(v >= 11, &self.rack_id)?;
        let tags = e.begin_tags(v >= 12);
        if v >= 12 && self.cluster_id.is_some() {
            e.tagged(tags, 0, &self.cluster_id)?;
        }
        if self.replica_state != ReplicaState::default() {
            e.present(v >= 15, "ReplicaState")?;
            e.tagged(tags, 1, &self.replica_state)?;
        }
        Ok(())
    }
}

/// Part of [`FetchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaState {
    pub replica_id: i32,
    pub replica_epoch: i64,
}

impl Default for ReplicaState {
    fn default() -> Self {
        Self {
            replica_id: -1,
            replica_epoch: -1,
        }
    }
}

impl Wire for ReplicaState {
    const MIN_WIRE: usize = 13;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.replica_id = d.read()?;
        m.replica_epoch = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.replica_id)?;
        e.write(&self.replica_epoch)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`FetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchTopic {
    /// v4-12
    pub topic: Str,
    /// v13+
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

impl Wire for FetchTopic {
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

/// Part of [`FetchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct FetchPartition {
    pub partition: i32,
    /// v9+
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    /// v12+
    pub last_fetched_epoch: i32,
    /// v5+
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
    /// v17+, tag 0
    pub replica_directory_id: Uuid,
    /// v18+, tag 1
    pub high_watermark: i64,
}

impl Default for FetchPartition {
    fn default() -> Self {
        Self {
            partition: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: 0,
            replica_directory_id: Uuid::ZERO,
            high_watermark: 9223372036854775807,
        }
    }
}

impl Wire for FetchPartition {
    const MIN_WIRE: usize = 16;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition = d.read()?;
        d.read_if(v >= 9, &mut m.current_leader_epoch)?;
        m.fetch_offset = d.read()?;
        d.read_if(v >= 12, &mut m.last_fetched_epoch)?;
        d.read_if(v >= 5, &mut m.log_start_offset)?;
        m.partition_max_bytes = d.read()?;
        d.tags(v >= 12, |d, tag| match tag {
            0 if v >= 17 => d.tagged(&mut m.replica_directory_id),
            1 if v >= 18 => d.tagged(&mut m.high_watermark),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition)?;
        e.write_if(v >= 9, &self.current_leader_epoch)?;
        e.write(&self.fetch_offset)?;
        e.write_or_default(
            v >= 12,
            &self.last_fetched_epoch,
            self.last_fetched_epoch == -1,
            "LastFetchedEpoch",
        )?;
        e.write_if(v >= 5, &self.log_start_offset)?;
        e.write(&self.partition_max_bytes)?;
        let tags = e.begin_tags(v >= 12);
        if v >= 17 && !self.replica_directory_id.is_zero() {
            e.tagged(tags, 0, &self.replica_directory_id)?;
        }
        if v >= 18 && self.high_watermark != 9223372036854775807 {
            e.tagged(tags, 1, &self.high_watermark)?;
        }
        Ok(())
    }
}

/// Part of [`FetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForgottenTopic {
    /// v7-12
    pub topic: Str,
    /// v13+
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

impl Wire for ForgottenTopic {
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

impl Message for FetchRequest {
    const NAME: &'static str = "FetchRequest";
    const VERSIONS: RangeInclusive<i16> = 4..=18;
    const FIRST_FLEXIBLE: Option<i16> = Some(12);
}

impl Request for FetchRequest {
    const KEY: ApiKey = ApiKey::Fetch;
    type Response = super::FetchResponse;
}
