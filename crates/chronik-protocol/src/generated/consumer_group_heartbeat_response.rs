//! `ConsumerGroupHeartbeatResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{
    ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Nullable, Response, Str, Wire,
};
use chronik_types::Uuid;

/// Versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub member_id: Option<Str>,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub assignment: Option<Assignment>,
}

impl Wire for ConsumerGroupHeartbeatResponse {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.member_id = d.read()?;
        m.member_epoch = d.read()?;
        m.heartbeat_interval_ms = d.read()?;
        m.assignment = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.member_id)?;
        e.write(&self.member_epoch)?;
        e.write(&self.heartbeat_interval_ms)?;
        e.write(&self.assignment)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ConsumerGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
}

impl Nullable for Assignment {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.nullable_struct()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.nullable_struct(this)
    }
}

impl Wire for Assignment {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ConsumerGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

impl Wire for TopicPartitions {
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

impl Message for ConsumerGroupHeartbeatResponse {
    const NAME: &'static str = "ConsumerGroupHeartbeatResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for ConsumerGroupHeartbeatResponse {
    const KEY: ApiKey = ApiKey::ConsumerGroupHeartbeat;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
