//! `DescribeClusterRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    /// v1+
    pub endpoint_type: i8,
    /// v2+
    pub include_fenced_brokers: bool,
}

impl Default for DescribeClusterRequest {
    fn default() -> Self {
        Self {
            include_cluster_authorized_operations: false,
            endpoint_type: 1,
            include_fenced_brokers: false,
        }
    }
}

impl Wire for DescribeClusterRequest {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.include_cluster_authorized_operations = d.read()?;
        d.read_if(v >= 1, &mut m.endpoint_type)?;
        d.read_if(v >= 2, &mut m.include_fenced_brokers)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.include_cluster_authorized_operations)?;
        e.write_or_default(
            v >= 1,
            &self.endpoint_type,
            self.endpoint_type == 1,
            "EndpointType",
        )?;
        e.write_or_default(
            v >= 2,
            &self.include_fenced_brokers,
            !self.include_fenced_brokers,
            "IncludeFencedBrokers",
        )?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeClusterRequest {
    const NAME: &'static str = "DescribeClusterRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for DescribeClusterRequest {
    const KEY: ApiKey = ApiKey::DescribeCluster;
    type Response = super::DescribeClusterResponse;
}
