//! `DeleteGroupsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteGroupsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<DeletableGroupResult>,
}

impl Wire for DeleteGroupsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.results = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.results)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`DeleteGroupsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeletableGroupResult {
    pub group_id: Str,
    pub error_code: i16,
}

impl Wire for DeletableGroupResult {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.error_code = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write(&self.error_code)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl DeletableGroupResult {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for DeleteGroupsResponse {
    const NAME: &'static str = "DeleteGroupsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for DeleteGroupsResponse {
    const KEY: ApiKey = ApiKey::DeleteGroups;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.results {
            part.visit_errors(visit);
        }
    }
}
