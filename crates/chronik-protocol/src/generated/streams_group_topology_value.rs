//! `StreamsGroupTopologyValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamsGroupTopologyValue {
    pub epoch: i32,
    pub subtopologies: Vec<Subtopology>,
}

impl Wire for StreamsGroupTopologyValue {
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

/// Part of [`StreamsGroupTopologyValue`].
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

/// Part of [`StreamsGroupTopologyValue`].
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

/// Part of [`StreamsGroupTopologyValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicConfig {
    pub key: Str,
    pub value: Str,
}

impl Wire for TopicConfig {
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

/// Part of [`StreamsGroupTopologyValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicInfo {
    pub name: Str,
    pub partitions: i32,
    pub replication_factor: i16,
    pub topic_configs: Vec<TopicConfig>,
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

impl Message for StreamsGroupTopologyValue {
    const NAME: &'static str = "StreamsGroupTopologyValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
