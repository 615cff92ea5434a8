//! `InitializeShareGroupStateResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InitializeShareGroupStateResponse {
    pub results: Vec<InitializeStateResult>,
}

impl Wire for InitializeShareGroupStateResponse {
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

/// Part of [`InitializeShareGroupStateResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InitializeStateResult {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionResult>,
}

impl Wire for InitializeStateResult {
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

impl InitializeStateResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`InitializeShareGroupStateResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionResult {
    pub partition: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Wire for PartitionResult {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.no_tags(true);
        Ok(())
    }
}

impl PartitionResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for InitializeShareGroupStateResponse {
    const NAME: &'static str = "InitializeShareGroupStateResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for InitializeShareGroupStateResponse {
    const KEY: ApiKey = ApiKey::InitializeShareGroupState;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
