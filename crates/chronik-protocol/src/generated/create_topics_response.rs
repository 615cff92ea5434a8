//! `CreateTopicsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 2 to 7.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateTopicsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
}

impl Wire for CreateTopicsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.topics = d.read()?;
        d.skip_tags(v >= 5)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.topics)?;
        e.no_tags(v >= 5);
        Ok(())
    }
}

/// Part of [`CreateTopicsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicResult {
    pub name: Str,
    /// v7+
    pub topic_id: Uuid,
    pub error_code: i16,
    pub error_message: Option<Str>,
    /// v5+, tag 0
    pub topic_config_error_code: i16,
    /// v5+
    pub num_partitions: i32,
    /// v5+
    pub replication_factor: i16,
    /// v5+
    pub configs: Option<Vec<CreatableTopicConfigs>>,
}

impl Default for CreatableTopicResult {
    fn default() -> Self {
        Self {
            name: Str::default(),
            topic_id: Uuid::ZERO,
            error_code: 0,
            error_message: Some(Str::default()),
            topic_config_error_code: 0,
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
        }
    }
}

impl Wire for CreatableTopicResult {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        d.read_if(v >= 7, &mut m.topic_id)?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.read_if(v >= 5, &mut m.num_partitions)?;
        d.read_if(v >= 5, &mut m.replication_factor)?;
        d.read_if(v >= 5, &mut m.configs)?;
        d.tags(v >= 5, |d, tag| match tag {
            0 => d.tagged(&mut m.topic_config_error_code),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write_if(v >= 7, &self.topic_id)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write_if(v >= 5, &self.num_partitions)?;
        e.write_if(v >= 5, &self.replication_factor)?;
        e.write_if(v >= 5, &self.configs)?;
        let tags = e.begin_tags(v >= 5);
        if v >= 5 && self.topic_config_error_code != 0 {
            e.tagged(tags, 0, &self.topic_config_error_code)?;
        }
        Ok(())
    }
}

impl CreatableTopicResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`CreateTopicsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicConfigs {
    pub name: Str,
    pub value: Option<Str>,
    pub read_only: bool,
    pub config_source: i8,
    pub is_sensitive: bool,
}

impl Default for CreatableTopicConfigs {
    fn default() -> Self {
        Self {
            name: Str::default(),
            value: Some(Str::default()),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
        }
    }
}

impl Wire for CreatableTopicConfigs {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.value = d.read()?;
        m.read_only = d.read()?;
        m.config_source = d.read()?;
        m.is_sensitive = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.value)?;
        e.write(&self.read_only)?;
        e.write(&self.config_source)?;
        e.write(&self.is_sensitive)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for CreateTopicsResponse {
    const NAME: &'static str = "CreateTopicsResponse";
    const VERSIONS: RangeInclusive<i16> = 2..=7;
    const FIRST_FLEXIBLE: Option<i16> = Some(5);
}

impl Response for CreateTopicsResponse {
    const KEY: ApiKey = ApiKey::CreateTopics;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}
