//! `MetadataRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 13.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataRequest {
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// v4+
    pub allow_auto_topic_creation: bool,
    /// v8-10
    pub include_cluster_authorized_operations: bool,
    /// v8+
    pub include_topic_authorized_operations: bool,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

impl Wire for MetadataRequest {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_nullable(true, v >= 1, &mut m.topics)?;
        d.read_if(v >= 4, &mut m.allow_auto_topic_creation)?;
        d.read_if(
            (8..=10).contains(&v),
            &mut m.include_cluster_authorized_operations,
        )?;
        d.read_if(v >= 8, &mut m.include_topic_authorized_operations)?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_nullable(true, v >= 1, &self.topics, "Topics")?;
        e.write_or_default(
            v >= 4,
            &self.allow_auto_topic_creation,
            self.allow_auto_topic_creation,
            "AllowAutoTopicCreation",
        )?;
        e.write_or_default(
            (8..=10).contains(&v),
            &self.include_cluster_authorized_operations,
            !self.include_cluster_authorized_operations,
            "IncludeClusterAuthorizedOperations",
        )?;
        e.write_or_default(
            v >= 8,
            &self.include_topic_authorized_operations,
            !self.include_topic_authorized_operations,
            "IncludeTopicAuthorizedOperations",
        )?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

/// Part of [`MetadataRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataRequestTopic {
    /// v10+
    pub topic_id: Uuid,
    pub name: Option<Str>,
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        Self {
            topic_id: Uuid::ZERO,
            name: Some(Str::default()),
        }
    }
}

impl Wire for MetadataRequestTopic {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 10, &mut m.topic_id)?;
        d.read_nullable(true, v >= 10, &mut m.name)?;
        d.skip_tags(v >= 9)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 10, &self.topic_id)?;
        e.write_nullable(true, v >= 10, &self.name, "Name")?;
        e.no_tags(v >= 9);
        Ok(())
    }
}

impl Message for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=13;
    const FIRST_FLEXIBLE: Option<i16> = Some(9);
}

impl Request for MetadataRequest {
    const KEY: ApiKey = ApiKey::Metadata;
    type Response = super::MetadataResponse;
}
