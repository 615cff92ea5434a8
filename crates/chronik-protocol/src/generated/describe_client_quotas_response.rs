//! `DescribeClientQuotasResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub entries: Option<Vec<EntryData>>,
}

impl Default for DescribeClientQuotasResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Str::default()),
            entries: Some(Vec::new()),
        }
    }
}

impl Wire for DescribeClientQuotasResponse {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.entries = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.entries)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`DescribeClientQuotasResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryData {
    pub entity: Vec<EntityData>,
    pub values: Vec<ValueData>,
}

impl Wire for EntryData {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.entity = d.read()?;
        m.values = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.entity)?;
        e.write(&self.values)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`DescribeClientQuotasResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct EntityData {
    pub entity_type: Str,
    pub entity_name: Option<Str>,
}

impl Default for EntityData {
    fn default() -> Self {
        Self {
            entity_type: Str::default(),
            entity_name: Some(Str::default()),
        }
    }
}

impl Wire for EntityData {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.entity_type = d.read()?;
        m.entity_name = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.entity_type)?;
        e.write(&self.entity_name)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`DescribeClientQuotasResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueData {
    pub key: Str,
    pub value: f64,
}

impl Wire for ValueData {
    const MIN_WIRE: usize = 10;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.key = d.read()?;
        m.value = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.key)?;
        e.write(&self.value)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

impl Message for DescribeClientQuotasResponse {
    const NAME: &'static str = "DescribeClientQuotasResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(1);
}

impl Response for DescribeClientQuotasResponse {
    const KEY: ApiKey = ApiKey::DescribeClientQuotas;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
