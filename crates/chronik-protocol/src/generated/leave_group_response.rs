//! `LeaveGroupResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaveGroupResponse {
    /// v1+
    pub throttle_time_ms: i32,
    pub error_code: i16,
    /// v3+
    pub members: Vec<MemberResponse>,
}

impl Wire for LeaveGroupResponse {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        m.error_code = d.read()?;
        d.read_if(v >= 3, &mut m.members)?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write_or_default(v >= 3, &self.members, self.members.is_empty(), "Members")?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`LeaveGroupResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct MemberResponse {
    pub member_id: Str,
    pub group_instance_id: Option<Str>,
    pub error_code: i16,
}

impl Default for MemberResponse {
    fn default() -> Self {
        Self {
            member_id: Str::default(),
            group_instance_id: Some(Str::default()),
            error_code: 0,
        }
    }
}

impl Wire for MemberResponse {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.member_id = d.read()?;
        m.group_instance_id = d.read()?;
        m.error_code = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.member_id)?;
        e.write(&self.group_instance_id)?;
        e.write(&self.error_code)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl MemberResponse {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for LeaveGroupResponse {
    const NAME: &'static str = "LeaveGroupResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}

impl Response for LeaveGroupResponse {
    const KEY: ApiKey = ApiKey::LeaveGroup;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.members {
            part.visit_errors(visit);
        }
    }
}
