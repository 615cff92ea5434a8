//! `ConsumerGroupTargetAssignmentMetadataValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    pub assignment_epoch: i32,
    /// v0+, tag 0
    pub assignment_timestamp: i64,
}

impl Wire for ConsumerGroupTargetAssignmentMetadataValue {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.assignment_epoch = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.assignment_timestamp),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.assignment_epoch)?;
        let tags = e.begin_tags(true);
        if self.assignment_timestamp != 0 {
            e.tagged(tags, 0, &self.assignment_timestamp)?;
        }
        Ok(())
    }
}

impl Message for ConsumerGroupTargetAssignmentMetadataValue {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
