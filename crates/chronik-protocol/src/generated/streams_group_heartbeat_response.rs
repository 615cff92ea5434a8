//! `StreamsGroupHeartbeatResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamsGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub member_id: Str,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub acceptable_recovery_lag: i32,
    pub task_offset_interval_ms: i32,
    pub status: Option<Vec<Status>>,
    pub active_tasks: Option<Vec<TaskIds>>,
    pub standby_tasks: Option<Vec<TaskIds>>,
    pub warmup_tasks: Option<Vec<TaskIds>>,
    pub endpoint_information_epoch: i32,
    pub partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
}

impl Default for StreamsGroupHeartbeatResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: None,
            member_id: Str::default(),
            member_epoch: 0,
            heartbeat_interval_ms: 0,
            acceptable_recovery_lag: 0,
            task_offset_interval_ms: 0,
            status: Some(Vec::new()),
            active_tasks: None,
            standby_tasks: None,
            warmup_tasks: None,
            endpoint_information_epoch: 0,
            partitions_by_user_endpoint: None,
        }
    }
}

impl Wire for StreamsGroupHeartbeatResponse {
    const MIN_WIRE: usize = 34;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.member_id = d.read()?;
        m.member_epoch = d.read()?;
        m.heartbeat_interval_ms = d.read()?;
        m.acceptable_recovery_lag = d.read()?;
        m.task_offset_interval_ms = d.read()?;
        m.status = d.read()?;
        m.active_tasks = d.read()?;
        m.standby_tasks = d.read()?;
        m.warmup_tasks = d.read()?;
        m.endpoint_information_epoch = d.read()?;
        m.partitions_by_user_endpoint = d.read()?;
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
        e.write(&self.acceptable_recovery_lag)?;
        e.write(&self.task_offset_interval_ms)?;
        e.write(&self.status)?;
        e.write(&self.active_tasks)?;
        e.write(&self.standby_tasks)?;
        e.write(&self.warmup_tasks)?;
        e.write(&self.endpoint_information_epoch)?;
        e.write(&self.partitions_by_user_endpoint)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointToPartitions {
    pub user_endpoint: Endpoint,
    pub active_partitions: Vec<TopicPartition>,
    pub standby_partitions: Vec<TopicPartition>,
}

impl Wire for EndpointToPartitions {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.user_endpoint = d.read()?;
        m.active_partitions = d.read()?;
        m.standby_partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.user_endpoint)?;
        e.write(&self.active_partitions)?;
        e.write(&self.standby_partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    pub status_code: i8,
    pub status_detail: Str,
}

impl Wire for Status {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.status_code = d.read()?;
        m.status_detail = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.status_code)?;
        e.write(&self.status_detail)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl Wire for TopicPartition {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
}

impl Wire for TaskIds {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.subtopology_id = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.subtopology_id)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
}

impl Wire for Endpoint {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.host = d.read()?;
        m.port = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for StreamsGroupHeartbeatResponse {
    const NAME: &'static str = "StreamsGroupHeartbeatResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for StreamsGroupHeartbeatResponse {
    const KEY: ApiKey = ApiKey::StreamsGroupHeartbeat;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
