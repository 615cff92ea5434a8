//! `DescribeProducersResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeProducersResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<TopicResponse>,
}

impl Wire for DescribeProducersResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeProducersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicResponse {
    pub name: Str,
    pub partitions: Vec<PartitionResponse>,
}

impl Wire for TopicResponse {
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

impl TopicResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`DescribeProducersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionResponse {
    pub partition_index: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub active_producers: Vec<ProducerState>,
}

impl Wire for PartitionResponse {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.active_producers = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.active_producers)?;
        e.no_tags(true);
        Ok(())
    }
}

impl PartitionResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeProducersResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerState {
    pub producer_id: i64,
    pub producer_epoch: i32,
    pub last_sequence: i32,
    pub last_timestamp: i64,
    pub coordinator_epoch: i32,
    pub current_txn_start_offset: i64,
}

impl Default for ProducerState {
    fn default() -> Self {
        Self {
            producer_id: 0,
            producer_epoch: 0,
            last_sequence: -1,
            last_timestamp: -1,
            coordinator_epoch: 0,
            current_txn_start_offset: -1,
        }
    }
}

impl Wire for ProducerState {
    const MIN_WIRE: usize = 37;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.producer_id = d.read()?;
        m.producer_epoch = d.read()?;
        m.last_sequence = d.read()?;
        m.last_timestamp = d.read()?;
        m.coordinator_epoch = d.read()?;
        m.current_txn_start_offset = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.producer_id)?;
        e.write(&self.producer_epoch)?;
        e.write(&self.last_sequence)?;
        e.write(&self.last_timestamp)?;
        e.write(&self.coordinator_epoch)?;
        e.write(&self.current_txn_start_offset)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeProducersResponse {
    const NAME: &'static str = "DescribeProducersResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for DescribeProducersResponse {
    const KEY: ApiKey = ApiKey::DescribeProducers;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
