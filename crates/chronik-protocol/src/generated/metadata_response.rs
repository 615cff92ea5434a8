//! `MetadataResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 13.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponse {
    /// v3+
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    /// v2+
    pub cluster_id: Option<Str>,
    /// v1+
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    /// v8-10
    pub cluster_authorized_operations: i32,
    /// v13+
    pub error_code: i16,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: -2147483648,
            error_code: 0,
        }
    }
}

impl Wire for MetadataResponse {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 3, &mut m.throttle_time_ms)?;
        m.brokers = d.read()?;
        d.read_if(v >= 2, &mut m.cluster_id)?;
        d.read_if(v >= 1, &mut m.controller_id)?;
        m.topics = d.read()?;
        d.read_if((8..=10).contains(&v), &mut m.cluster_authorized_operations)?;
        d.read_if(v >= 13, &mut m.error_code)?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 3, &self.throttle_time_ms)?;
        e.write(&self.brokers)?;
        e.write_if(v >= 2, &self.cluster_id)?;
        e.write_if(v >= 1, &self.controller_id)?;
        e.write(&self.topics)?;
        e.write_or_default(
            (8..=10).contains(&v),
            &self.cluster_authorized_operations,
            self.cluster_authorized_operations == -2147483648,
            "ClusterAuthorizedOperations",
        )?;
        e.write_if(v >= 13, &self.error_code)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

/// Part of [`MetadataResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    /// v1+
    pub rack: Option<Str>,
}

impl Wire for MetadataResponseBroker {
    const MIN_WIRE: usize = 10;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.node_id = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        d.read_if(v >= 1, &mut m.rack)?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.node_id)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.write_if(v >= 1, &self.rack)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

/// Part of [`MetadataResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponseTopic {
    pub error_code: i16,
    pub name: Option<Str>,
    /// v10+
    pub topic_id: Uuid,
    /// v1+
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    /// v8+
    pub topic_authorized_operations: i32,
}

impl Default for MetadataResponseTopic {
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

impl Wire for MetadataResponseTopic {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        d.read_nullable(true, v >= 12, &mut m.name)?;
        d.read_if(v >= 10, &mut m.topic_id)?;
        d.read_if(v >= 1, &mut m.is_internal)?;
        m.partitions = d.read()?;
        d.read_if(v >= 8, &mut m.topic_authorized_operations)?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write_nullable(true, v >= 12, &self.name, "Name")?;
        e.write_if(v >= 10, &self.topic_id)?;
        e.write_if(v >= 1, &self.is_internal)?;
        e.write(&self.partitions)?;
        e.write_or_default(
            v >= 8,
            &self.topic_authorized_operations,
            self.topic_authorized_operations == -2147483648,
            "TopicAuthorizedOperations",
        )?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

impl MetadataResponseTopic {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`MetadataResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataResponsePartition {
    pub error_code: i16,
    pub partition_index: i32,
    pub leader_id: i32,
    /// v7+
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    /// v5+
    pub offline_replicas: Vec<i32>,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
        }
    }
}

impl Wire for MetadataResponsePartition {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.partition_index = d.read()?;
        m.leader_id = d.read()?;
        d.read_if(v >= 7, &mut m.leader_epoch)?;
        m.replica_nodes = d.read()?;
        m.isr_nodes = d.read()?;
        d.read_if(v >= 5, &mut m.offline_replicas)?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.partition_index)?;
        e.write(&self.leader_id)?;
        e.write_if(v >= 7, &self.leader_epoch)?;
        e.write(&self.replica_nodes)?;
        e.write(&self.isr_nodes)?;
        e.write_if(v >= 5, &self.offline_replicas)?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

impl MetadataResponsePartition {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for MetadataResponse {
    const NAME: &'static str = "MetadataResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=13;
    const FIRST_FLEXIBLE: Option<i16> = Some(9);
}

impl Response for MetadataResponse {
    const KEY: ApiKey = ApiKey::Metadata;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
        visit(self.error_code);
    }
}
