//! `AlterShareGroupOffsetsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
}

impl Wire for AlterShareGroupOffsetsResponse {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.responses = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.responses)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`AlterShareGroupOffsetsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
}

impl Wire for AlterShareGroupOffsetsResponseTopic {
    const MIN_WIRE: usize = 19;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic_name = d.read()?;
        m.topic_id = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic_name)?;
        e.write(&self.topic_id)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl AlterShareGroupOffsetsResponseTopic {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`AlterShareGroupOffsetsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Wire for AlterShareGroupOffsetsResponsePartition {
    const MIN_WIRE: usize = 8;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.no_tags(true);
        Ok(())
    }
}

impl AlterShareGroupOffsetsResponsePartition {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for AlterShareGroupOffsetsResponse {
    const NAME: &'static str = "AlterShareGroupOffsetsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for AlterShareGroupOffsetsResponse {
    const KEY: ApiKey = ApiKey::AlterShareGroupOffsets;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.responses {
            part.visit_errors(visit);
        }
    }
}
