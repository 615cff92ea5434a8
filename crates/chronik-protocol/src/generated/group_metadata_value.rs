//! `GroupMetadataValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupMetadataValue {
    pub protocol_type: Str,
    pub generation: i32,
    pub protocol: Option<Str>,
    pub leader: Option<Str>,
    /// v2+
    pub current_state_timestamp: i64,
    pub members: Vec<MemberMetadata>,
}

impl Default for GroupMetadataValue {
    fn default() -> Self {
        Self {
            protocol_type: Str::default(),
            generation: 0,
            protocol: Some(Str::default()),
            leader: Some(Str::default()),
            current_state_timestamp: -1,
            members: Vec::new(),
        }
    }
}

impl Wire for GroupMetadataValue {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.protocol_type = d.read()?;
        m.generation = d.read()?;
        m.protocol = d.read()?;
        m.leader = d.read()?;
        d.read_if(v >= 2, &mut m.current_state_timestamp)?;
        m.members = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.protocol_type)?;
        e.write(&self.generation)?;
        e.write(&self.protocol)?;
        e.write(&self.leader)?;
        e.write_if(v >= 2, &self.current_state_timestamp)?;
        e.write(&self.members)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

/// Part of [`GroupMetadataValue`].
#[derive(Clone, Debug, PartialEq)]
pub struct MemberMetadata {
    pub member_id: Str,
    /// v3+
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    /// v1+
    pub rebalance_timeout: i32,
    pub session_timeout: i32,
    pub subscription: Bytes,
    pub assignment: Bytes,
}

impl Default for MemberMetadata {
    fn default() -> Self {
        Self {
            member_id: Str::default(),
            group_instance_id: None,
            client_id: Str::default(),
            client_host: Str::default(),
            rebalance_timeout: -1,
            session_timeout: 0,
            subscription: Bytes::new(),
            assignment: Bytes::new(),
        }
    }
}

impl Wire for MemberMetadata {
    const MIN_WIRE: usize = 15;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.member_id = d.read()?;
        d.read_if(v >= 3, &mut m.group_instance_id)?;
        m.client_id = d.read()?;
        m.client_host = d.read()?;
        d.read_if(v >= 1, &mut m.rebalance_timeout)?;
        m.session_timeout = d.read()?;
        m.subscription = d.read()?;
        m.assignment = d.read()?;
        d.skip_tags(v >= 4)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.member_id)?;
        e.write_if(v >= 3, &self.group_instance_id)?;
        e.write(&self.client_id)?;
        e.write(&self.client_host)?;
        e.write_if(v >= 1, &self.rebalance_timeout)?;
        e.write(&self.session_timeout)?;
        e.write(&self.subscription)?;
        e.write(&self.assignment)?;
        e.no_tags(v >= 4);
        Ok(())
    }
}

impl Message for GroupMetadataValue {
    const NAME: &'static str = "GroupMetadataValue";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FIRST_FLEXIBLE: Option<i16> = Some(4);
}
