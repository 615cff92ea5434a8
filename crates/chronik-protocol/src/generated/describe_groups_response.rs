//! `DescribeGroupsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};
use bytes::Bytes;

/// Versions 0 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeGroupsResponse {
    /// v1+
    pub throttle_time_ms: i32,
    pub groups: Vec<DescribedGroup>,
}

impl Wire for DescribeGroupsResponse {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        m.groups = d.read()?;
        d.skip_tags(v >= 5)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        e.write(&self.groups)?;
        e.no_tags(v >= 5);
        Ok(())
    }
}

/// Part of [`DescribeGroupsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup {
    pub error_code: i16,
    /// v6+
    pub error_message: Option<Str>,
    pub group_id: Str,
    pub group_state: Str,
    pub protocol_type: Str,
    pub protocol_data: Str,
    pub members: Vec<DescribedGroupMember>,
    /// v3+
    pub authorized_operations: i32,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: Str::default(),
            group_state: Str::default(),
            protocol_type: Str::default(),
            protocol_data: Str::default(),
            members: Vec::new(),
            authorized_operations: -2147483648,
        }
    }
}

impl Wire for DescribedGroup {
    const MIN_WIRE: usize = 12;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.error_code = d.read()?;
        d.read_if(v >= 6, &mut m.error_message)?;
        m.group_id = d.read()?;
        m.group_state = d.read()?;
        m.protocol_type = d.read()?;
        m.protocol_data = d.read()?;
        m.members = d.read()?;
        d.read_if(v >= 3, &mut m.authorized_operations)?;
        d.skip_tags(v >= 5)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.error_code)?;
        e.write_or_default(
            v >= 6,
            &self.error_message,
            self.error_message.is_none(),
            "ErrorMessage",
        )?;
        e.write(&self.group_id)?;
        e.write(&self.group_state)?;
        e.write(&self.protocol_type)?;
        e.write(&self.protocol_data)?;
        e.write(&self.members)?;
        e.write_or_default(
            v >= 3,
            &self.authorized_operations,
            self.authorized_operations == -2147483648,
            "AuthorizedOperations",
        )?;
        e.no_tags(v >= 5);
        Ok(())
    }
}

impl DescribedGroup {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeGroupsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribedGroupMember {
    pub member_id: Str,
    /// v4+
    pub group_instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub member_metadata: Bytes,
    pub member_assignment: Bytes,
}

impl Wire for DescribedGroupMember {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.member_id = d.read()?;
        d.read_if(v >= 4, &mut m.group_instance_id)?;
        m.client_id = d.read()?;
        m.client_host = d.read()?;
        m.member_metadata = d.read()?;
        m.member_assignment = d.read()?;
        d.skip_tags(v >= 5)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.member_id)?;
        e.write_if(v >= 4, &self.group_instance_id)?;
        e.write(&self.client_id)?;
        e.write(&self.client_host)?;
        e.write(&self.member_metadata)?;
        e.write(&self.member_assignment)?;
        e.no_tags(v >= 5);
        Ok(())
    }
}

impl Message for DescribeGroupsResponse {
    const NAME: &'static str = "DescribeGroupsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(5);
}

impl Response for DescribeGroupsResponse {
    const KEY: ApiKey = ApiKey::DescribeGroups;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.groups {
            part.visit_errors(visit);
        }
    }
}
