//! `JoinGroupResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 9.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinGroupResponse {
    /// v2+
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub generation_id: i32,
    /// v7+
    pub protocol_type: Option<Str>,
    pub protocol_name: Option<Str>,
    pub leader: Str,
    /// v9+
    pub skip_assignment: bool,
    pub member_id: Str,
    pub members: Vec<JoinGroupResponseMember>,
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(Str::default()),
            leader: Str::default(),
            skip_assignment: false,
            member_id: Str::default(),
            members: Vec::new(),
        }
    }
}

impl Wire for JoinGroupResponse {
    const MIN_WIRE: usize = 15;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 2, &mut m.throttle_time_ms)?;
        m.error_code = d.read()?;
        m.generation_id = d.read()?;
        d.read_if(v >= 7, &mut m.protocol_type)?;
        d.read_nullable(true, v >= 7, &mut m.protocol_name)?;
        m.leader = d.read()?;
        d.read_if(v >= 9, &mut m.skip_assignment)?;
        m.member_id = d.read()?;
        m.members = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 2, &self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.generation_id)?;
        e.write_if(v >= 7, &self.protocol_type)?;
        e.write_nullable(true, v >= 7, &self.protocol_name, "ProtocolName")?;
        e.write(&self.leader)?;
        e.write_or_default(
            v >= 9,
            &self.skip_assignment,
            !self.skip_assignment,
            "SkipAssignment",
        )?;
        e.write(&self.member_id)?;
        e.write(&self.members)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`JoinGroupResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinGroupResponseMember {
    pub member_id: Str,
    /// v5+
    pub group_instance_id: Option<Str>,
    pub metadata: Bytes,
}

impl Wire for JoinGroupResponseMember {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.member_id = d.read()?;
        d.read_if(v >= 5, &mut m.group_instance_id)?;
        m.metadata = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.member_id)?;
        e.write_if(v >= 5, &self.group_instance_id)?;
        e.write(&self.metadata)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

impl Message for JoinGroupResponse {
    const NAME: &'static str = "JoinGroupResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=9;
    const FIRST_FLEXIBLE: Option<i16> = Some(6);
}

impl Response for JoinGroupResponse {
    const KEY: ApiKey = ApiKey::JoinGroup;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
