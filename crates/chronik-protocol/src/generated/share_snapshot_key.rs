//! `ShareSnapshotKey`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShareSnapshotKey {
    pub group_id: Str,
    pub topic_id: Uuid,
    pub partition: i32,
}

impl Wire for ShareSnapshotKey {
    const MIN_WIRE: usize = 22;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.topic_id = d.read()?;
        m.partition = d.read()?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.group_id)?;
        e.write(&self.topic_id)?;
        e.write(&self.partition)?;
        Ok(())
    }
}

impl Message for ShareSnapshotKey {
    const NAME: &'static str = "ShareSnapshotKey";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = None;
}

impl ShareSnapshotKey {
    /// Stands before the key where it is stored.
    pub const RECORD_TYPE: i16 = 0;
}
