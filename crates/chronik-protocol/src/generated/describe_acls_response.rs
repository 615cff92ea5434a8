//! `DescribeAclsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 1 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeAclsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    pub resources: Vec<DescribeAclsResource>,
}

impl Default for DescribeAclsResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Str::default()),
            resources: Vec::new(),
        }
    }
}

impl Wire for DescribeAclsResponse {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        m.resources = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write(&self.resources)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`DescribeAclsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeAclsResource {
    pub resource_type: i8,
    pub resource_name: Str,
    pub pattern_type: i8,
    pub acls: Vec<AclDescription>,
}

impl Default for DescribeAclsResource {
    fn default() -> Self {
        Self {
            resource_type: 0,
            resource_name: Str::default(),
            pattern_type: 3,
            acls: Vec::new(),
        }
    }
}

impl Wire for DescribeAclsResource {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.resource_type = d.read()?;
        m.resource_name = d.read()?;
        m.pattern_type = d.read()?;
        m.acls = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.resource_type)?;
        e.write(&self.resource_name)?;
        e.write(&self.pattern_type)?;
        e.write(&self.acls)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

/// Part of [`DescribeAclsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AclDescription {
    pub principal: Str,
    pub host: Str,
    pub operation: i8,
    pub permission_type: i8,
}

impl Wire for AclDescription {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.principal = d.read()?;
        m.host = d.read()?;
        m.operation = d.read()?;
        m.permission_type = d.read()?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.principal)?;
        e.write(&self.host)?;
        e.write(&self.operation)?;
        e.write(&self.permission_type)?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl Message for DescribeAclsResponse {
    const NAME: &'static str = "DescribeAclsResponse";
    const VERSIONS: RangeInclusive<i16> = 1..=3;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for DescribeAclsResponse {
    const KEY: ApiKey = ApiKey::DescribeAcls;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
