//! `ShareFetchResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;
use chronik_types::Uuid;

/// Versions 1 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShareFetchResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareFetchableTopicResponse>,
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Wire for ShareFetchResponse {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.acquisition_lock_timeout_ms = d.read()?;
        m.responses = d.read()?;
        m.node_endpoints = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.acquisition_lock_timeout_ms)?;
        e.write(&self.responses)?;
        e.write(&self.node_endpoints)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ShareFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShareFetchableTopicResponse {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

impl Wire for ShareFetchableTopicResponse {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_id = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_id)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl ShareFetchableTopicResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`ShareFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub acknowledge_error_code: i16,
    pub acknowledge_error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
    pub records: Bytes,
    pub acquired_records: Vec<AcquiredRecords>,
}

impl Wire for PartitionData {
    const MIN_WIRE: usize = 22;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.acknowledge_error_code = d.read()?;
        m.acknowledge_error_message = d.read()?;
        m.current_leader = d.read()?;
        m.records = d.read()?;
        m.acquired_records = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.acknowledge_error_code)?;
        e.write(&self.acknowledge_error_message)?;
        e.write(&self.current_leader)?;
        e.write(&self.records)?;
        e.write(&self.acquired_records)?;
        e.no_tags(true);
        Ok(())
    }
}

impl PartitionData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`ShareFetchResponse`].
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

/// Part of [`ShareFetchResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AcquiredRecords {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_count: i16,
}

impl Wire for AcquiredRecords {
    const MIN_WIRE: usize = 19;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.first_offset = d.read()?;
        m.last_offset = d.read()?;
        m.delivery_count = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.first_offset)?;
        e.write(&self.last_offset)?;
        e.write(&self.delivery_count)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ShareFetchResponse`].
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

impl Message for ShareFetchResponse {
    const NAME: &'static str = "ShareFetchResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for ShareFetchResponse {
    const KEY: ApiKey = ApiKey::ShareFetch;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.responses {
            part.visit_errors(visit);
        }
    }
}
