//! `WriteTxnMarkersResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 1 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteTxnMarkersResponse {
    pub markers: Vec<WritableTxnMarkerResult>,
}

impl Wire for WriteTxnMarkersResponse {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.markers = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.markers)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`WriteTxnMarkersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerResult {
    pub producer_id: i64,
    pub topics: Vec<WritableTxnMarkerTopicResult>,
}

impl Wire for WritableTxnMarkerResult {
    const MIN_WIRE: usize = 10;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.producer_id = d.read()?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.producer_id)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

impl WritableTxnMarkerResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.topics {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`WriteTxnMarkersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerTopicResult {
    pub name: Str,
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
}

impl Wire for WritableTxnMarkerTopicResult {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl WritableTxnMarkerTopicResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.partitions {
            part.visit_errors(visit);
        }
    }
}

/// Part of [`WriteTxnMarkersResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WritableTxnMarkerPartitionResult {
    pub partition_index: i32,
    pub error_code: i16,
}

impl Wire for WritableTxnMarkerPartitionResult {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.partition_index = d.read()?;
        m.error_code = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.partition_index)?;
        e.write(&self.error_code)?;
        e.no_tags(true);
        Ok(())
    }
}

impl WritableTxnMarkerPartitionResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for WriteTxnMarkersResponse {
    const NAME: &'static str = "WriteTxnMarkersResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(1);
}

impl Response for WriteTxnMarkersResponse {
    const KEY: ApiKey = ApiKey::WriteTxnMarkers;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.markers {
            part.visit_errors(visit);
        }
    }
}
