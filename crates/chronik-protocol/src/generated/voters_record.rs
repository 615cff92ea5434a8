//! `VotersRecord`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};
use chronik_types::Uuid;

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VotersRecord {
    pub version: i16,
    pub voters: Vec<Voter>,
}

impl Wire for VotersRecord {
    const MIN_WIRE: usize = 4;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.version = d.read()?;
        m.voters = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.version)?;
        e.write(&self.voters)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`VotersRecord`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Voter {
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub k_raft_version_feature: KRaftVersionFeature,
}

impl Wire for Voter {
    const MIN_WIRE: usize = 27;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.voter_id = d.read()?;
        m.voter_directory_id = d.read()?;
        m.endpoints = d.read()?;
        m.k_raft_version_feature = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.voter_id)?;
        e.write(&self.voter_directory_id)?;
        e.write(&self.endpoints)?;
        e.write(&self.k_raft_version_feature)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`VotersRecord`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

impl Wire for Endpoint {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.name = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.name)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`VotersRecord`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

impl Wire for KRaftVersionFeature {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.min_supported_version = d.read()?;
        m.max_supported_version = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.min_supported_version)?;
        e.write(&self.max_supported_version)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for VotersRecord {
    const NAME: &'static str = "VotersRecord";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
