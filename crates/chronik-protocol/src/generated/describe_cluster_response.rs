//! `DescribeClusterResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
    /// v1+
    pub endpoint_type: i8,
    pub cluster_id: Str,
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    pub cluster_authorized_operations: i32,
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: None,
            endpoint_type: 1,
            cluster_id: Str::default(),
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: -2147483648,
        }
    }
}

impl Wire for DescribeClusterResponse {
    const MIN_WIRE: usize = 18;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.read_if(v >= 1, &mut m.endpoint_type)?;
        m.cluster_id = d.read()?;
        m.controller_id = d.read()?;
        m.brokers = d.read()?;
        m.cluster_authorized_operations = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.write_or_default(
            v >= 1,
            &self.endpoint_type,
            self.endpoint_type == 1,
            "EndpointType",
        )?;
        e.write(&self.cluster_id)?;
        e.write(&self.controller_id)?;
        e.write(&self.brokers)?;
        e.write(&self.cluster_authorized_operations)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeClusterResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    /// v2+
    pub is_fenced: bool,
}

impl Wire for DescribeClusterBroker {
    const MIN_WIRE: usize = 11;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.broker_id = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        m.rack = d.read()?;
        d.read_if(v >= 2, &mut m.is_fenced)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.broker_id)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.write(&self.rack)?;
        e.write_or_default(v >= 2, &self.is_fenced, !self.is_fenced, "IsFenced")?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeClusterResponse {
    const NAME: &'static str = "DescribeClusterResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for DescribeClusterResponse {
    const KEY: ApiKey = ApiKey::DescribeCluster;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
