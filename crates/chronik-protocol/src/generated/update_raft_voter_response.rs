//! `UpdateRaftVoterResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    /// v0+, tag 0
    pub current_leader: CurrentLeader,
}

impl Wire for UpdateRaftVoterResponse {
    const MIN_WIRE: usize = 7;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 => d.tagged(&mut m.current_leader),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        let tags = e.begin_tags(true);
        if self.current_leader != CurrentLeader::default() {
            e.tagged(tags, 0, &self.current_leader)?;
        }
        Ok(())
    }
}

/// Part of [`UpdateRaftVoterResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentLeader {
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub host: Str,
    pub port: i32,
}

impl Default for CurrentLeader {
    fn default() -> Self {
        Self {
            leader_id: -1,
            leader_epoch: -1,
            host: Str::default(),
            port: 0,
        }
    }
}

impl Wire for CurrentLeader {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.leader_id = d.read()?;
        m.leader_epoch = d.read()?;
        m.host = d.read()?;
        m.port = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.leader_id)?;
        e.write(&self.leader_epoch)?;
        e.write(&self.host)?;
        e.write(&self.port)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for UpdateRaftVoterResponse {
    const NAME: &'static str = "UpdateRaftVoterResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for UpdateRaftVoterResponse {
    const KEY: ApiKey = ApiKey::UpdateRaftVoter;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
