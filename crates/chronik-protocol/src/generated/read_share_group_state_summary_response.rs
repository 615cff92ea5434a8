//! `ReadShareGroupStateSummaryResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadShareGroupStateSummaryResponse {
    pub results: Vec<ReadStateSummaryResult>,
}

impl Wire for ReadShareGroupStateSummaryResponse {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.results = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.results)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`ReadShareGroupStateSummaryResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadStateSummaryResult {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionResult>,
}

impl Wire for ReadStateSummaryResult {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_id = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_id)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl ReadStateSummaryResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`ReadShareGroupStateSummaryResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionResult {
    pub partition: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub state_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    /// v1+
    pub delivery_complete_count: i32,
}

impl Default for PartitionResult {
    fn default() -> Self {
        Self {
            partition: 0,
            error_code: 0,
            error_message: None,
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
        }
    }
}

impl Wire for PartitionResult {
    const MIN_WIRE: usize = 24;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.partition = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.state_epoch = d.read()?;
        m.leader_epoch = d.read()?;
        m.start_offset = d.read()?;
        d.read_if(v >= 1, &mut m.delivery_complete_count)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.partition)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.state_epoch)?;
        e.write(&self.leader_epoch)?;
        e.write(&self.start_offset)?;
        e.write_if(v >= 1, &self.delivery_complete_count)?;
        e.no_tags(true);
        Ok(())
    }
}

impl PartitionResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for ReadShareGroupStateSummaryResponse {
    const NAME: &'static str = "ReadShareGroupStateSummaryResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for ReadShareGroupStateSummaryResponse {
    const KEY: ApiKey = ApiKey::ReadShareGroupStateSummary;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
