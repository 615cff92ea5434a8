//! `OffsetCommitValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetCommitValue {
    pub offset: i64,
    /// v3+
    pub leader_epoch: i32,
    pub metadata: Str,
    pub commit_timestamp: i64,
    /// v1
    pub expire_timestamp: i64,
    /// v4+, tag 0
    pub topic_id: Uuid,
}

impl Default for OffsetCommitValue {
    fn default() -> Self {
        Self {
            offset: 0,
            leader_epoch: -1,
            metadata: Str::default(),
            commit_timestamp: 0,
            expire_timestamp: -1,
            topic_id: Uuid::ZERO,
        }
    }
}

impl Wire for OffsetCommitValue {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.offset = d.read()?;
        d.read_if(v >= 3, &mut m.leader_epoch)?;
        m.metadata = d.read()?;
        m.commit_timestamp = d.read()?;
        d.read_if(v == 1, &mut m.expire_timestamp)?;
        d.tags(v >= 4, |d, tag| match tag {
            0 => d.tagged(&mut m.topic_id),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.offset)?;
        e.write_if(v >= 3, &self.leader_epoch)?;
        e.write(&self.metadata)?;
        e.write(&self.commit_timestamp)?;
        e.write_if(v == 1, &self.expire_timestamp)?;
        let tags = e.begin_tags(v >= 4);
        if v >= 4 && !self.topic_id.is_zero() {
            e.tagged(tags, 0, &self.topic_id)?;
        }
        Ok(())
    }
}

impl Message for OffsetCommitValue {
    const NAME: &'static str = "OffsetCommitValue";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}
