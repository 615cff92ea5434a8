//! `LeaveGroupRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaveGroupRequest {
    pub group_id: Str,
    /// v0-2
    pub member_id: Str,
    /// v3+
    pub members: Vec<MemberIdentity>,
}

impl Wire for LeaveGroupRequest {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        d.read_if(v <= 2, &mut m.member_id)?;
        d.read_if(v >= 3, &mut m.members)?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write_or_default(
            v <= 2,
            &self.member_id,
            self.member_id.is_empty(),
            "MemberId",
        )?;
        e.write_or_default(v >= 3, &self.members, self.members.is_empty(), "Members")?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`LeaveGroupRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberIdentity {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    /// v5+
    pub reason: Option<Str>,
}

impl Wire for MemberIdentity {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.member_id = d.read()?;
        m.group_instance_id = d.read()?;
        d.read_if(v >= 5, &mut m.reason)?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.member_id)?;
        e.write(&self.group_instance_id)?;
        e.write_if(v >= 5, &self.reason)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl Message for LeaveGroupRequest {
    const NAME: &'static str = "LeaveGroupRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Request for LeaveGroupRequest {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    type Response = super::LeaveGroupResponse;
}
