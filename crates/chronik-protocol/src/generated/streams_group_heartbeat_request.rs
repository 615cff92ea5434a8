//! `StreamsGroupHeartbeatRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{
    ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Nullable, Request, Str, Wire,
};

/// Versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamsGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub endpoint_information_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub rebalance_timeout_ms: i32,
    pub topology: Option<Topology>,
    pub active_tasks: Option<Vec<TaskIds>>,
    pub standby_tasks: Option<Vec<TaskIds>>,
    pub warmup_tasks: Option<Vec<TaskIds>>,
    pub process_id: Option<Str>,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Option<Vec<KeyValue>>,
    pub task_offsets: Option<Vec<TaskOffset>>,
    pub task_end_offsets: Option<Vec<TaskOffset>>,
    pub shutdown_application: bool,
}

impl Default for StreamsGroupHeartbeatRequest {
    fn default() -> Self {
        Self {
            group_id: Str::default(),
            member_id: Str::default(),
            member_epoch: 0,
            endpoint_information_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            topology: None,
            active_tasks: None,
            standby_tasks: None,
            warmup_tasks: None,
            process_id: None,
            user_endpoint: None,
            client_tags: None,
            task_offsets: None,
            task_end_offsets: None,
            shutdown_application: false,
        }
    }
}

impl Wire for StreamsGroupHeartbeatRequest {
    const MIN_WIRE: usize = 27;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.member_id = d.read()?;
        m.member_epoch = d.read()?;
        m.endpoint_information_epoch = d.read()?;
        m.instance_id = d.read()?;
        m.rack_id = d.read()?;
        m.rebalance_timeout_ms = d.read()?;
        m.topology = d.read()?;
        m.active_tasks = d.read()?;
        m.standby_tasks = d.read()?;
        m.warmup_tasks = d.read()?;
        m.process_id = d.read()?;
        m.user_endpoint = d.read()?;
        m.client_tags = d.read()?;
        m.task_offsets = d.read()?;
        m.task_end_offsets = d.read()?;
        m.shutdown_application = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.group_id)?;
        e.write(&self.member_id)?;
        e.write(&self.member_epoch)?;
        e.write(&self.endpoint_information_epoch)?;
        e.write(&self.instance_id)?;
        e.write(&self.rack_id)?;
        e.write(&self.rebalance_timeout_ms)?;
        e.write(&self.topology)?;
        e.write(&self.active_tasks)?;
        e.write(&self.standby_tasks)?;
        e.write(&self.warmup_tasks)?;
        e.write(&self.process_id)?;
        e.write(&self.user_endpoint)?;
        e.write(&self.client_tags)?;
        e.write(&self.task_offsets)?;
        e.write(&self.task_end_offsets)?;
        e.write(&self.shutdown_application)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
}

impl Nullable for Topology {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.nullable_struct()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.nullable_struct(this)
    }
}

impl Wire for Topology {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.epoch = d.read()?;
        m.subtopologies = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.epoch)?;
        e.write(&self.subtopologies)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub source_topic_regex: Vec<Str>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_sink_topics: Vec<Str>,
    pub repartition_source_topics: Vec<TopicInfo>,
    pub copartition_groups: Vec<CopartitionGroup>,
}

impl Wire for Subtopology {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.subtopology_id = d.read()?;
        m.source_topics = d.read()?;
        m.source_topic_regex = d.read()?;
        m.state_changelog_topics = d.read()?;
        m.repartition_sink_topics = d.read()?;
        m.repartition_source_topics = d.read()?;
        m.copartition_groups = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.subtopology_id)?;
        e.write(&self.source_topics)?;
        e.write(&self.source_topic_regex)?;
        e.write(&self.state_changelog_topics)?;
        e.write(&self.repartition_sink_topics)?;
        e.write(&self.repartition_source_topics)?;
        e.write(&self.copartition_groups)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopartitionGroup {
    pub source_topics: Vec<i16>,
    pub source_topic_regex: Vec<i16>,
    pub repartition_source_topics: Vec<i16>,
}

impl Wire for CopartitionGroup {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.source_topics = d.read()?;
        m.source_topic_regex = d.read()?;
        m.repartition_source_topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.source_topics)?;
        e.write(&self.source_topic_regex)?;
        e.write(&self.repartition_source_topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyValue {
    pub key: Str,
    pub value: Str,
}

impl Wire for KeyValue {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.key = d.read()?;
        m.value = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.key)?;
        e.write(&self.value)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicInfo {
    pub name: Str,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<KeyValue>,
}

impl Wire for TopicInfo {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.partitions = d.read()?;
        m.replication_factor = d.read()?;
        m.topic_configs = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.partitions)?;
        e.write(&self.replication_factor)?;
        e.write(&self.topic_configs)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    pub host: Str,
    pub port: u16,
}

impl Nullable for Endpoint {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.nullable_struct()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.nullable_struct(this)
    }
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

/// Part of [`StreamsGroupHeartbeatRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskOffset {
    pub subtopology_id: Str,
    pub partition: i32,
    pub offset: i64,
}

impl Wire for TaskOffset {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.subtopology_id = d.read()?;
        m.partition = d.read()?;
        m.offset = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.subtopology_id)?;
        e.write(&self.partition)?;
        e.write(&self.offset)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupHeartbeatRequest`].
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

impl Message for StreamsGroupHeartbeatRequest {
    const NAME: &'static str = "StreamsGroupHeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for StreamsGroupHeartbeatRequest {
    const KEY: ApiKey = ApiKey::StreamsGroupHeartbeat;
    type Response = super::StreamsGroupHeartbeatResponse;
}
