//! `AlterPartitionResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Wire};
use chronik_types::Uuid;

/// Versions 2 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterPartitionResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub topics: Vec<TopicData>,
}

impl Wire for AlterPartitionResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`AlterPartitionResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

impl Wire for TopicData {
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

impl TopicData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`AlterPartitionResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: i16,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
}

impl Wire for PartitionData {
    const MIN_WIRE: usize = 21;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        m.leader_id = d.read()?;
        m.leader_epoch = d.read()?;
        m.isr = d.read()?;
        m.leader_recovery_state = d.read()?;
        m.partition_epoch = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write(&self.leader_id)?;
        e.write(&self.leader_epoch)?;
        e.write(&self.isr)?;
        e.write(&self.leader_recovery_state)?;
        e.write(&self.partition_epoch)?;
        e.no_tags(true);
        Ok(())
    }
}

impl PartitionData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for AlterPartitionResponse {
    const NAME: &'static str = "AlterPartitionResponse";
    const VERSIONS: RangeInclusive<i16> = 2..=3;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for AlterPartitionResponse {
    const KEY: ApiKey = ApiKey::AlterPartition;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
