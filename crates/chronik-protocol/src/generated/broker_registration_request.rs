//! `BrokerRegistrationRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: Str,
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub rack: Option<Str>,
    /// v1+
    pub is_migrating_zk_broker: bool,
    /// v2+
    pub log_dirs: Vec<Uuid>,
    /// v3+
    pub previous_broker_epoch: i64,
}

impl Default for BrokerRegistrationRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            cluster_id: Str::default(),
            incarnation_id: Uuid::ZERO,
            listeners: Vec::new(),
            features: Vec::new(),
            rack: Some(Str::default()),
            is_migrating_zk_broker: false,
            log_dirs: Vec::new(),
            previous_broker_epoch: -1,
        }
    }
}

impl Wire for BrokerRegistrationRequest {
    const MIN_WIRE: usize = 25;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.broker_id = d.read()?;
        m.cluster_id = d.read()?;
        m.incarnation_id = d.read()?;
        m.listeners = d.read()?;
        m.features = d.read()?;
        m.rack = d.read()?;
        d.read_if(v >= 1, &mut m.is_migrating_zk_broker)?;
        d.read_if(v >= 2, &mut m.log_dirs)?;
        d.read_if(v >= 3, &mut m.previous_broker_epoch)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.broker_id)?;
        e.write(&self.cluster_id)?;
        e.write(&self.incarnation_id)?;
        e.write(&self.listeners)?;
        e.write(&self.features)?;
        e.write(&self.rack)?;
        e.write_or_default(
            v >= 1,
            &self.is_migrating_zk_broker,
            !self.is_migrating_zk_broker,
            "IsMigratingZkBroker",
        )?;
        e.write_if(v >= 2, &self.log_dirs)?;
        e.write_if(v >= 3, &self.previous_broker_epoch)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`BrokerRegistrationRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
}

impl Wire for Listener {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        m.security_protocol = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.write(&self.security_protocol)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`BrokerRegistrationRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

impl Wire for Feature {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.min_supported_version = d.read()?;
        m.max_supported_version = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.min_supported_version)?;
        e.write(&self.max_supported_version)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for BrokerRegistrationRequest {
    const NAME: &'static str = "BrokerRegistrationRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for BrokerRegistrationRequest {
    const KEY: ApiKey = ApiKey::BrokerRegistration;
    type Response = super::BrokerRegistrationResponse;
}
