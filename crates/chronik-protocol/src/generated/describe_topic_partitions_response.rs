//! `DescribeTopicPartitionsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{
    ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Nullable, Response, Str, Wire,
};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeTopicPartitionsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    pub next_cursor: Option<Cursor>,
}

impl Wire for DescribeTopicPartitionsResponse {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.topics = d.read()?;
        m.next_cursor = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.topics)?;
        e.write(&self.next_cursor)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeTopicPartitionsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsResponseTopic {
    pub error_code: i16,
    pub name: Option<Str>,
    pub topic_id: Uuid,
    pub is_internal: bool,
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    pub topic_authorized_operations: i32,
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(Str::default()),
            topic_id: Uuid::ZERO,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: -2147483648,
        }
    }
}

impl Wire for DescribeTopicPartitionsResponseTopic {
    const MIN_WIRE: usize = 26;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.name = d.read()?;
        m.topic_id = d.read()?;
        m.is_internal = d.read()?;
        m.partitions = d.read()?;
        m.topic_authorized_operations = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.error_code)?;
        e.write(&self.name)?;
        e.write(&self.topic_id)?;
        e.write(&self.is_internal)?;
        e.write(&self.partitions)?;
        e.write(&self.topic_authorized_operations)?;
        e.no_tags(true);
        Ok(())
    }
}

impl DescribeTopicPartitionsResponseTopic {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`DescribeTopicPartitionsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTopicPartitionsResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    pub eligible_leader_replicas: Option<Vec<i32>>,
    pub last_known_elr: Option<Vec<i32>>,
    pub offline_replicas: Vec<i32>,
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
        }
    }
}

impl Wire for DescribeTopicPartitionsResponsePartition {
    const MIN_WIRE: usize = 20;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.partition_index = d.read()?;
        m.leader_id = d.read()?;
        m.leader_epoch = d.read()?;
        m.replica_nodes = d.read()?;
        m.isr_nodes = d.read()?;
        m.eligible_leader_replicas = d.read()?;
        m.last_known_elr = d.read()?;
        m.offline_replicas = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.error_code)?;
        e.write(&self.partition_index)?;
        e.write(&self.leader_id)?;
        e.write(&self.leader_epoch)?;
        e.write(&self.replica_nodes)?;
        e.write(&self.isr_nodes)?;
        e.write(&self.eligible_leader_replicas)?;
        e.write(&self.last_known_elr)?;
        e.write(&self.offline_replicas)?;
        e.no_tags(true);
        Ok(())
    }
}

impl DescribeTopicPartitionsResponsePartition {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeTopicPartitionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor {
    pub topic_name: Str,
    pub partition_index: i32,
}

impl Nullable for Cursor {
    fn read_nullable(d: &mut Decoder) -> Result<Option<Self>, DecodeError> {
        d.nullable_struct()
    }

    fn write_nullable(this: Option<&Self>, e: &mut Encoder) -> Result<(), EncodeError> {
        e.nullable_struct(this)
    }
}

impl Wire for Cursor {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_name = d.read()?;
        m.partition_index = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_name)?;
        e.write(&self.partition_index)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeTopicPartitionsResponse {
    const NAME: &'static str = "DescribeTopicPartitionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for DescribeTopicPartitionsResponse {
    const KEY: ApiKey = ApiKey::DescribeTopicPartitions;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
