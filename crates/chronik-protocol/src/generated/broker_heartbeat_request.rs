//! `BrokerHeartbeatRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Wire};
use chronik_types::Uuid;

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerHeartbeatRequest {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub current_metadata_offset: i64,
    pub want_fence: bool,
    pub want_shut_down: bool,
    /// v1+, tag 0
    pub offline_log_dirs: Vec<Uuid>,
    /// v2+, tag 1
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

impl Default for BrokerHeartbeatRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            current_metadata_offset: 0,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
        }
    }
}

impl Wire for BrokerHeartbeatRequest {
    const MIN_WIRE: usize = 23;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.broker_id = d.read()?;
        m.broker_epoch = d.read()?;
        m.current_metadata_offset = d.read()?;
        m.want_fence = d.read()?;
        m.want_shut_down = d.read()?;
        d.tags(true, |d, tag| match tag {
            0 if v >= 1 => d.tagged(&mut m.offline_log_dirs),
            1 if v >= 2 => d.tagged(&mut m.cordoned_log_dirs),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.broker_id)?;
        e.write(&self.broker_epoch)?;
        e.write(&self.current_metadata_offset)?;
        e.write(&self.want_fence)?;
        e.write(&self.want_shut_down)?;
        let tags = e.begin_tags(true);
        if !self.offline_log_dirs.is_empty() {
            e.present(v >= 1, "OfflineLogDirs")?;
            e.tagged(tags, 0, &self.offline_log_dirs)?;
        }
        if self.cordoned_log_dirs.is_some() {
            e.present(v >= 2, "CordonedLogDirs")?;
            e.tagged(tags, 1, &self.cordoned_log_dirs)?;
        }
        Ok(())
    }
}

impl Message for BrokerHeartbeatRequest {
    const NAME: &'static str = "BrokerHeartbeatRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for BrokerHeartbeatRequest {
    const KEY: ApiKey = ApiKey::BrokerHeartbeat;
    type Response = super::BrokerHeartbeatResponse;
}
