//! `ListGroupsRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListGroupsRequest {
    /// v4+
    pub states_filter: Vec<Str>,
    /// v5+
    pub types_filter: Vec<Str>,
}

impl Wire for ListGroupsRequest {
    const MIN_WIRE: usize = 0;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 4, &mut m.states_filter)?;
        d.read_if(v >= 5, &mut m.types_filter)?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(
            v >= 4,
            &self.states_filter,
            self.states_filter.is_empty(),
            "StatesFilter",
        )?;
        e.write_or_default(
            v >= 5,
            &self.types_filter,
            self.types_filter.is_empty(),
            "TypesFilter",
        )?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

impl Message for ListGroupsRequest {
    const NAME: &'static str = "ListGroupsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(3);
}

impl Request for ListGroupsRequest {
    const KEY: ApiKey = ApiKey::ListGroups;
    type Response = super::ListGroupsResponse;
}
