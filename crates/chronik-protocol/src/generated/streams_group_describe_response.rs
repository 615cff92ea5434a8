//! `StreamsGroupDescribeResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{
    ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Nullable, Response, Str, Wire,
};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamsGroupDescribeResponse {
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

impl Wire for StreamsGroupDescribeResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.groups = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.groups)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupDescribeResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub group_epoch: i32,
    pub assignment_epoch: i32,
    pub topology: Option<Topology>,
    pub members: Vec<Member>,
    pub authorized_operations: i32,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Str::default(),
            group_state: Str::default(),
            group_epoch: 0,
            assignment_epoch: 0,
            topology: None,
            members: Vec::new(),
            authorized_operations: -2147483648,
        }
    }
}

impl Wire for DescribedGroup {
    const MIN_WIRE: usize = 20;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.group_id = d.read()?;
        m.group_state = d.read()?;
        m.group_epoch = d.read()?;
        m.assignment_epoch = d.read()?;
        m.topology = d.read()?;
        m.members = d.read()?;
        m.authorized_operations = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.group_id)?;
        e.write(&self.group_state)?;
        e.write(&self.group_epoch)?;
        e.write(&self.assignment_epoch)?;
        e.write(&self.topology)?;
        e.write(&self.members)?;
        e.write(&self.authorized_operations)?;
        e.no_tags(true);
        Ok(())
    }
}

impl DescribedGroup {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`StreamsGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    pub epoch: i32,
    pub subtopologies: Option<Vec<Subtopology>>,
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

/// Part of [`StreamsGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subtopology {
    pub subtopology_id: Str,
    pub source_topics: Vec<Str>,
    pub repartition_sink_topics: Vec<Str>,
    pub state_changelog_topics: Vec<TopicInfo>,
    pub repartition_source_topics: Vec<TopicInfo>,
}

impl Wire for Subtopology {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.subtopology_id = d.read()?;
        m.source_topics = d.read()?;
        m.repartition_sink_topics = d.read()?;
        m.state_changelog_topics = d.read()?;
        m.repartition_source_topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.subtopology_id)?;
        e.write(&self.source_topics)?;
        e.write(&self.repartition_sink_topics)?;
        e.write(&self.state_changelog_topics)?;
        e.write(&self.repartition_source_topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    pub member_id: Str,
    pub member_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub topology_epoch: i32,
    pub process_id: Str,
    pub user_endpoint: Option<Endpoint>,
    pub client_tags: Vec<KeyValue>,
    pub task_offsets: Vec<TaskOffset>,
    pub task_end_offsets: Vec<TaskOffset>,
    pub assignment: Assignment,
    pub target_assignment: Assignment,
    pub is_classic: bool,
}

impl Wire for Member {
    const MIN_WIRE: usize = 28;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.member_id = d.read()?;
        m.member_epoch = d.read()?;
        m.instance_id = d.read()?;
        m.rack_id = d.read()?;
        m.client_id = d.read()?;
        m.client_host = d.read()?;
        m.topology_epoch = d.read()?;
        m.process_id = d.read()?;
        m.user_endpoint = d.read()?;
        m.client_tags = d.read()?;
        m.task_offsets = d.read()?;
        m.task_end_offsets = d.read()?;
        m.assignment = d.read()?;
        m.target_assignment = d.read()?;
        m.is_classic = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.member_id)?;
        e.write(&self.member_epoch)?;
        e.write(&self.instance_id)?;
        e.write(&self.rack_id)?;
        e.write(&self.client_id)?;
        e.write(&self.client_host)?;
        e.write(&self.topology_epoch)?;
        e.write(&self.process_id)?;
        e.write(&self.user_endpoint)?;
        e.write(&self.client_tags)?;
        e.write(&self.task_offsets)?;
        e.write(&self.task_end_offsets)?;
        e.write(&self.assignment)?;
        e.write(&self.target_assignment)?;
        e.write(&self.is_classic)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupDescribeResponse`].
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

/// Part of [`StreamsGroupDescribeResponse`].
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

/// Part of [`StreamsGroupDescribeResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
}

impl Wire for Assignment {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.active_tasks = d.read()?;
        m.standby_tasks = d.read()?;
        m.warmup_tasks = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.active_tasks)?;
        e.write(&self.standby_tasks)?;
        e.write(&self.warmup_tasks)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupDescribeResponse`].
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

/// Part of [`StreamsGroupDescribeResponse`].
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

/// Part of [`StreamsGroupDescribeResponse`].
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

impl Message for StreamsGroupDescribeResponse {
    const NAME: &'static str = "StreamsGroupDescribeResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for StreamsGroupDescribeResponse {
    const KEY: ApiKey = ApiKey::StreamsGroupDescribe;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.groups {
            part.visit_errors(visit);
        }
    }
}
