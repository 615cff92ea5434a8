//! `FindCoordinatorResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct FindCoordinatorResponse {
    /// v1+
    pub throttle_time_ms: i32,
    /// v0-3
    pub error_code: i16,
    /// v1-3
    pub error_message: Option<Str>,
    /// v0-3
    pub node_id: i32,
    /// v0-3
    pub host: Str,
    /// v0-3
    pub port: i32,
    /// v4+
    pub coordinators: Vec<Coordinator>,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(Str::default()),
            node_id: 0,
            host: Str::default(),
            port: 0,
            coordinators: Vec::new(),
        }
    }
}

impl Wire for FindCoordinatorResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 1, &mut m.throttle_time_ms)?;
        d.read_if(v <= 3, &mut m.error_code)?;
        d.read_if((1..=3).contains(&v), &mut m.error_message)?;
        d.read_if(v <= 3, &mut m.node_id)?;
        d.read_if(v <= 3, &mut m.host)?;
        d.read_if(v <= 3, &mut m.port)?;
        d.read_if(v >= 4, &mut m.coordinators)?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_if(v >= 1, &self.throttle_time_ms)?;
        e.write_or_default(v <= 3, &self.error_code, self.error_code == 0, "ErrorCode")?;
        e.write_if((1..=3).contains(&v), &self.error_message)?;
        e.write_or_default(v <= 3, &self.node_id, self.node_id == 0, "NodeId")?;
        e.write_or_default(v <= 3, &self.host, self.host.is_empty(), "Host")?;
        e.write_or_default(v <= 3, &self.port, self.port == 0, "Port")?;
        e.write_or_default(
            v >= 4,
            &self.coordinators,
            self.coordinators.is_empty(),
            "Coordinators",
        )?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

/// Part of [`FindCoordinatorResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinator {
    pub key: Str,
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub error_code: i16,
    pub error_message: Option<Str>,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self {
            key: Str::default(),
            node_id: 0,
            host: Str::default(),
            port: 0,
            error_code: 0,
            error_message: Some(Str::default()),
        }
    }
}

impl Wire for Coordinator {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.key = d.read()?;
        m.node_id = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        m.error_code = d.read()?;
        m.error_message = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.key)?;
        e.write(&self.node_id)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.write(&self.error_code)?;
        e.write(&self.error_message)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Coordinator {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

impl Message for FindCoordinatorResponse {
    const NAME: &'static str = "FindCoordinatorResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(3);
}

impl Response for FindCoordinatorResponse {
    const KEY: ApiKey = ApiKey::FindCoordinator;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
        for part in &self.coordinators {
            part.visit_errors(visit);
        }
    }
}
