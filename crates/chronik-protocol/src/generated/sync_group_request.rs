//! `SyncGroupRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncGroupRequest {
    pub group_id: Str,
    pub generation_id: i32,
    pub member_id: Str,
    /// v3+
    pub group_instance_id: Option<Str>,
    /// v5+
    pub protocol_type: Option<Str>,
    /// v5+
    pub protocol_name: Option<Str>,
    pub assignments: Vec<SyncGroupRequestAssignment>,
}

impl Wire for SyncGroupRequest {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.generation_id = d.read()?;
        m.member_id = d.read()?;
        d.read_if(v >= 3, &mut m.group_instance_id)?;
        d.read_if(v >= 5, &mut m.protocol_type)?;
        d.read_if(v >= 5, &mut m.protocol_name)?;
        m.assignments = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write(&self.generation_id)?;
        e.write(&self.member_id)?;
        e.write_or_default(
            v >= 3,
            &self.group_instance_id,
            self.group_instance_id.is_none(),
            "GroupInstanceId",
        )?;
        e.write_if(v >= 5, &self.protocol_type)?;
        e.write_if(v >= 5, &self.protocol_name)?;
        e.write(&self.assignments)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`SyncGroupRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncGroupRequestAssignment {
    pub member_id: Str,
    pub assignment: Bytes,
}

impl Wire for SyncGroupRequestAssignment {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.member_id = d.read()?;
        m.assignment = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.member_id)?;
        e.write(&self.assignment)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl Message for SyncGroupRequest {
    const NAME: &'static str = "SyncGroupRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Request for SyncGroupRequest {
    const KEY: ApiKey = ApiKey::SyncGroup;
    type Response = super::SyncGroupResponse;
}
