//! `ListGroupsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListGroupsResponse {
    /// v1+
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub groups: Vec<ListedGroup>,
}

impl Wire for ListGroupsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        m.error_code = d.read()?;
        m.groups = d.read()?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.groups)?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

/// Part of [`ListGroupsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedGroup {
    pub group_id: Str,
    pub protocol_type: Str,
    /// v4+
    pub group_state: Str,
    /// v5+
    pub group_type: Str,
}

impl Wire for ListedGroup {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.protocol_type = d.read()?;
        d.read_if(v >= 4, &mut m.group_state)?;
        d.read_if(v >= 5, &mut m.group_type)?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write(&self.protocol_type)?;
        e.write_if(v >= 4, &self.group_state)?;
        e.write_if(v >= 5, &self.group_type)?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

impl Message for ListGroupsResponse {
    const NAME: &'static str = "ListGroupsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(3);
}

impl Response for ListGroupsResponse {
    const KEY: ApiKey = ApiKey::ListGroups;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
