//! `JoinGroupRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 9.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinGroupRequest {
    pub group_id: Str,
    pub session_timeout_ms: i32,
    /// v1+
    pub rebalance_timeout_ms: i32,
    pub member_id: Str,
    /// v5+
    pub group_instance_id: Option<Str>,
    pub protocol_type: Str,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// v8+
    pub reason: Option<Str>,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        Self {
            group_id: Str::default(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: Str::default(),
            group_instance_id: None,
            protocol_type: Str::default(),
            protocols: Vec::new(),
            reason: None,
        }
    }
}

impl Wire for JoinGroupRequest {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.group_id = d.read()?;
        m.session_timeout_ms = d.read()?;
        d.read_if(v >= 1, &mut m.rebalance_timeout_ms)?;
        m.member_id = d.read()?;
        d.read_if(v >= 5, &mut m.group_instance_id)?;
        m.protocol_type = d.read()?;
        m.protocols = d.read()?;
        d.read_if(v >= 8, &mut m.reason)?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.group_id)?;
        e.write(&self.session_timeout_ms)?;
        e.write_if(v >= 1, &self.rebalance_timeout_ms)?;
        e.write(&self.member_id)?;
        e.write_or_default(
            v >= 5,
            &self.group_instance_id,
            self.group_instance_id.is_none(),
            "GroupInstanceId",
        )?;
        e.write(&self.protocol_type)?;
        e.write(&self.protocols)?;
        e.write_if(v >= 8, &self.reason)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

/// Part of [`JoinGroupRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinGroupRequestProtocol {
    pub name: Str,
    pub metadata: Bytes,
}

impl Wire for JoinGroupRequestProtocol {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.metadata = d.read()?;
        d.skip_tags(v >= 6)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.metadata)?;
        e.no_tags(v >= 6);
        Ok(())
    }
}

impl Message for JoinGroupRequest {
    const NAME: &'static str = "JoinGroupRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=9;
    const FIRST_FLEXIBLE: Option<i16> = Some(6);
}

impl Request for JoinGroupRequest {
    const KEY: ApiKey = ApiKey::JoinGroup;
    type Response = super::JoinGroupResponse;
}
