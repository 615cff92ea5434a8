//! `StreamsGroupMetadataValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamsGroupMetadataValue {
    pub epoch: i32,
    pub metadata_hash: i64,
    /// v0+, tag 0
    pub validated_topology_epoch: i32,
    /// v0+, tag 1
    pub last_assignment_configs: Option<Vec<LastAssignmentConfig>>,
}

impl Default for StreamsGroupMetadataValue {
    fn default() -> Self {
        Self {
            epoch: 0,
            metadata_hash: 0,
            validated_topology_epoch: -1,
            last_assignment_configs: Some(Vec::new()),
        }
    }
}

impl Wire for StreamsGroupMetadataValue {
    const MIN_WIRE: usize = 13;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.epoch = d.read()?;
        m.metadata_hash = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.validated_topology_epoch),
            1 => d.tagged(&mut m.last_assignment_configs),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.epoch)?;
        e.write(&self.metadata_hash)?;
        let tags = e.begin_tags(true);
        if self.validated_topology_epoch != -1 {
            e.tagged(tags, 0, &self.validated_topology_epoch)?;
        }
        if !self
            .last_assignment_configs
            .as_ref()
            .is_some_and(|x| x.is_empty())
        {
            e.tagged(tags, 1, &self.last_assignment_configs)?;
        }
        Ok(())
    }
}

/// Part of [`StreamsGroupMetadataValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastAssignmentConfig {
    pub key: Str,
    pub value: Str,
}

impl Wire for LastAssignmentConfig {
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

impl Message for StreamsGroupMetadataValue {
    const NAME: &'static str = "StreamsGroupMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
