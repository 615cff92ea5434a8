//! `LeaderChangeMessage`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Wire};
use chronik_types::Uuid;

/// Versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaderChangeMessage {
    pub version: i16,
    pub leader_id: i32,
    pub voters: Vec<Voter>,
    pub granting_voters: Vec<Voter>,
}

impl Wire for LeaderChangeMessage {
    const MIN_WIRE: usize = 9;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.version = d.read()?;
        m.leader_id = d.read()?;
        m.voters = d.read()?;
        m.granting_voters = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.version)?;
        e.write(&self.leader_id)?;
        e.write(&self.voters)?;
        e.write(&self.granting_voters)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`LeaderChangeMessage`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Voter {
    pub voter_id: i32,
    /// v1+
    pub voter_directory_id: Uuid,
}

impl Wire for Voter {
    const MIN_WIRE: usize = 5;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.voter_id = d.read()?;
        d.read_if(v >= 1, &mut m.voter_directory_id)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.voter_id)?;
        e.write_or_default(
            v >= 1,
            &self.voter_directory_id,
            self.voter_directory_id.is_zero(),
            "VoterDirectoryId",
        )?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for LeaderChangeMessage {
    const NAME: &'static str = "LeaderChangeMessage";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}
