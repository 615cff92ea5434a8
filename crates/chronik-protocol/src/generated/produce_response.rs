//! `ProduceResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 3 to 13.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    pub throttle_time_ms: i32,
    /// v10+, tag 0
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Wire for ProduceResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.responses = d.read()?;
        m.throttle_time_ms = d.read()?;
        d.tags(v >= 9, |d, tag| match tag {
            0 if v >= 10 => d.tagged(&mut m.node_endpoints),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.responses)?;
        e.write(&self.throttle_time_ms)?;
        let tags = e.begin_tags(v >= 9);
        if !self.node_endpoints.is_empty() {
            e.present(v >= 10, "NodeEndpoints")?;
            e.tagged(tags, 0, &self.node_endpoints)?;
        }
        Ok(())
    }
}

/// Part of [`ProduceResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicProduceResponse {
    /// v3-12
    pub name: Str,
    /// v13+
    pub topic_id: Uuid,
    pub partition_responses: Vec<PartitionProduceResponse>,
}

impl Wire for TopicProduceResponse {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 12, &mut m.name)?;
        d.read_if(v >= 13, &mut m.topic_id)?;
        m.partition_responses = d.read()?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v <= 12, &self.name)?;
        e.write_if(v >= 13, &self.topic_id)?;
        e.write(&self.partition_responses)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

impl TopicProduceResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partition_responses {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`ProduceResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: i16,
    pub base_offset: i64,
    pub log_append_time_ms: i64,
    /// v5+
    pub log_start_offset: i64,
    /// v8+
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// v8+
    pub error_message: Option<Str>,
    /// v10+, tag 0
    pub current_leader: LeaderIdAndEpoch,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: 0,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
        }
    }
}

impl Wire for PartitionProduceResponse {
    const MIN_WIRE: usize = 22;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.index = d.read()?;
        m.error_code = d.read()?;
        m.base_offset = d.read()?;
        m.log_append_time_ms = d.read()?;
        d.read_if(v >= 5, &mut m.log_start_offset)?;
        d.read_if(v >= 8, &mut m.record_errors)?;
        d.read_if(v >= 8, &mut m.error_message)?;
        d.tags(v >= 9, |d, tag| match tag {
            0 if v >= 10 => d.tagged(&mut m.current_leader),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.index)?;
        e.write(&self.error_code)?;
        e.write(&self.base_offset)?;
        e.write(&self.log_append_time_ms)?;
        e.write_if(v >= 5, &self.log_start_offset)?;
        e.write_if(v >= 8, &self.record_errors)?;
        e.write_if(v >= 8, &self.error_message)?;
        let tags = e.begin_tags(v >= 9);
        if self.current_leader != LeaderIdAndEpoch::default() {
            e.present(v >= 10, "CurrentLeader")?;
            e.tagged(tags, 0, &self.current_leader)?;
        }
        Ok(())
    }
}

impl PartitionProduceResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`ProduceResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<Str>,
}

impl Wire for BatchIndexAndErrorMessage {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.batch_index = d.read()?;
        m.batch_index_error_message = d.read()?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.batch_index)?;
        e.write(&self.batch_index_error_message)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

/// Part of [`ProduceResponse`].
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

/// Part of [`ProduceResponse`].
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

impl Message for ProduceResponse {
    const NAME: &'static str = "ProduceResponse";
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    const FIRST_FLEXIBLE: Option<i16> = Some(9);
}

impl Response for ProduceResponse {
    const KEY: ApiKey = ApiKey::Produce;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.responses {
            part.visit_errors(visit);
        }
    }
}
