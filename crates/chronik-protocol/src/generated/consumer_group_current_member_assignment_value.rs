//! `ConsumerGroupCurrentMemberAssignmentValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Wire};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub assigned_partitions: Vec<TopicPartitions>,
    pub partitions_pending_revocation: Vec<TopicPartitions>,
}

impl Wire for ConsumerGroupCurrentMemberAssignmentValue {
    const MIN_WIRE: usize = 12;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.member_epoch = d.read()?;
        m.previous_member_epoch = d.read()?;
        m.state = d.read()?;
        m.assigned_partitions = d.read()?;
        m.partitions_pending_revocation = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.member_epoch)?;
        e.write(&self.previous_member_epoch)?;
        e.write(&self.state)?;
        e.write(&self.assigned_partitions)?;
        e.write(&self.partitions_pending_revocation)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ConsumerGroupCurrentMemberAssignmentValue`].
#[derive(Clone, Debug, PartialEq)]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
    /// v0+, tag 0
    pub assignment_epochs: Option<Vec<i32>>,
}

impl Default for TopicPartitions {
    fn default() -> Self {
        Self {
            topic_id: Uuid::ZERO,
            partitions: Vec::new(),
            assignment_epochs: Some(Vec::new()),
        }
    }
}

impl Wire for TopicPartitions {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_id = d.read()?;
        m.partitions = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.assignment_epochs),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_id)?;
        e.write(&self.partitions)?;
        let tags = e.begin_tags(true);
        if !self
            .assignment_epochs
            .as_ref()
            .is_some_and(|x| x.is_empty())
        {
            e.tagged(tags, 0, &self.assignment_epochs)?;
        }
        Ok(())
    }
}

impl Message for ConsumerGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "ConsumerGroupCurrentMemberAssignmentValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
