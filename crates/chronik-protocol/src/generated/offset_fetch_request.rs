//! `OffsetFetchRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 1 to 10.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchRequest {
    /// v1-7
    pub group_id: Str,
    /// v1-7
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// v8+
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// v7+
    pub require_stable: bool,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        Self {
            group_id: Str::default(),
            topics: Some(Vec::new()),
            groups: Vec::new(),
            require_stable: false,
        }
    }
}

impl Wire for OffsetFetchRequest {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 7, &mut m.group_id)?;
        d.read_nullable(v <= 7, v >= 2, &mut m.topics)?;
        d.read_if(v >= 8, &mut m.groups)?;
        d.read_if(v >= 7, &mut m.require_stable)?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(v <= 7, &self.group_id, self.group_id.is_empty(), "GroupId")?;
        e.write_nullable(v <= 7, v >= 2, &self.topics, "Topics")?;
        if !self.topics.as_ref().is_some_and(|x| x.is_empty()) {
            e.present(v <= 7, "Topics")?;
        }
        e.write_or_default(v >= 8, &self.groups, self.groups.is_empty(), "Groups")?;
        e.write_or_default(
            v >= 7,
            &self.require_stable,
            !self.require_stable,
            "RequireStable",
        )?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`OffsetFetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchRequestTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

impl Wire for OffsetFetchRequestTopic {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.partition_indexes = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.partition_indexes)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`OffsetFetchRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetFetchRequestGroup {
    pub group_id: Str,
    /// v9+
    pub member_id: Option<Str>,
    /// v9+
    pub member_epoch: i32,
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        Self {
            group_id: Str::default(),
            member_id: None,
            member_epoch: -1,
            topics: Some(Vec::new()),
        }
    }
}

impl Wire for OffsetFetchRequestGroup {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        d.read_if(v >= 9, &mut m.member_id)?;
        d.read_if(v >= 9, &mut m.member_epoch)?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write_if(v >= 9, &self.member_id)?;
        e.write_if(v >= 9, &self.member_epoch)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`OffsetFetchRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetFetchRequestTopics {
    /// v8-9
    pub name: Str,
    /// v10+
    pub topic_id: Uuid,
    pub partition_indexes: Vec<i32>,
}

impl Wire for OffsetFetchRequestTopics {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v <= 9, &mut m.name)?;
        d.read_if(v >= 10, &mut m.topic_id)?;
        m.partition_indexes = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v <= 9, &self.name)?;
        e.write_if(v >= 10, &self.topic_id)?;
        e.write(&self.partition_indexes)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetchRequest";
    const VERSIONS: RangeInclusive<i16> = 1..=10;
    const FIRST_FLEXIBLE: Option<i16> = Some(6);
}

impl Request for OffsetFetchRequest {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    type Response = super::OffsetFetchResponse;
}
