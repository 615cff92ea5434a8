//! `ShareUpdateValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareUpdateValue {
    pub snapshot_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    /// v0+, tag 0
    pub delivery_complete_count: i32,
    pub state_batches: Vec<StateBatch>,
}

impl Default for ShareUpdateValue {
    fn default() -> Self {
        Self {
            snapshot_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
            state_batches: Vec::new(),
        }
    }
}

impl Wire for ShareUpdateValue {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.snapshot_epoch = d.read()?;
        m.leader_epoch = d.read()?;
        m.start_offset = d.read()?;
        m.state_batches = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.delivery_complete_count),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.snapshot_epoch)?;
        e.write(&self.leader_epoch)?;
        e.write(&self.start_offset)?;
        e.write(&self.state_batches)?;
        let tags = e.begin_tags(true);
        if self.delivery_complete_count != -1 {
            e.tagged(tags, 0, &self.delivery_complete_count)?;
        }
        Ok(())
    }
}

/// Part of [`ShareUpdateValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_state: i8,
    pub delivery_count: i16,
}

impl Wire for StateBatch {
    const MIN_WIRE: usize = 20;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.first_offset = d.read()?;
        m.last_offset = d.read()?;
        m.delivery_state = d.read()?;
        m.delivery_count = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.first_offset)?;
        e.write(&self.last_offset)?;
        e.write(&self.delivery_state)?;
        e.write(&self.delivery_count)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for ShareUpdateValue {
    const NAME: &'static str = "ShareUpdateValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
