//! `StreamsGroupCurrentMemberAssignmentValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub active_tasks_pending_revocation: Vec<TaskIds>,
    pub standby_tasks_pending_revocation: Vec<TaskIds>,
    pub warmup_tasks_pending_revocation: Vec<TaskIds>,
}

impl Wire for StreamsGroupCurrentMemberAssignmentValue {
    const MIN_WIRE: usize = 16;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.member_epoch = d.read()?;
        m.previous_member_epoch = d.read()?;
        m.state = d.read()?;
        m.active_tasks = d.read()?;
        m.standby_tasks = d.read()?;
        m.warmup_tasks = d.read()?;
        m.active_tasks_pending_revocation = d.read()?;
        m.standby_tasks_pending_revocation = d.read()?;
        m.warmup_tasks_pending_revocation = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.member_epoch)?;
        e.write(&self.previous_member_epoch)?;
        e.write(&self.state)?;
        e.write(&self.active_tasks)?;
        e.write(&self.standby_tasks)?;
        e.write(&self.warmup_tasks)?;
        e.write(&self.active_tasks_pending_revocation)?;
        e.write(&self.standby_tasks_pending_revocation)?;
        e.write(&self.warmup_tasks_pending_revocation)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`StreamsGroupCurrentMemberAssignmentValue`].
#[derive(Clone, Debug, PartialEq)]
pub struct TaskIds {
    pub subtopology_id: Str,
    pub partitions: Vec<i32>,
    /// v0+, tag 0
    pub assignment_epochs: Option<Vec<i32>>,
}

impl Default for TaskIds {
    fn default() -> Self {
        Self {
            subtopology_id: Str::default(),
            partitions: Vec::new(),
            assignment_epochs: Some(Vec::new()),
        }
    }
}

impl Wire for TaskIds {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.subtopology_id = d.read()?;
        m.partitions = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.assignment_epochs),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.subtopology_id)?;
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

impl Message for StreamsGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "StreamsGroupCurrentMemberAssignmentValue";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
