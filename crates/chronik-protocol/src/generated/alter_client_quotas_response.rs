//! `AlterClientQuotasResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub entries: Vec<EntryData>,
}

impl Wire for AlterClientQuotasResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.entries = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.entries)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

/// Part of [`AlterClientQuotasResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct EntryData {
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub entity: Vec<EntityData>,
}

impl Default for EntryData {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: Some(Str::default()),
            entity: Vec::new(),
        }
    }
}

impl Wire for EntryData {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.entity = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.entity)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

impl EntryData {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`AlterClientQuotasResponse`].
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

impl Message for AlterClientQuotasResponse {
    const NAME: &'static str = "AlterClientQuotasResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(1);
}

impl Response for AlterClientQuotasResponse {
    const KEY: ApiKey = ApiKey::AlterClientQuotas;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.entries {
            part.visit_errors(visit);
        }
    }
}
