//! `InitProducerIdResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Wire};

/// Versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct InitProducerIdResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// v6+
    pub ongoing_txn_producer_id: i64,
    /// v6+
    pub ongoing_txn_producer_epoch: i16,
}

impl Default for InitProducerIdResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            producer_id: -1,
            producer_epoch: 0,
            ongoing_txn_producer_id: -1,
            ongoing_txn_producer_epoch: -1,
        }
    }
}

impl Wire for InitProducerIdResponse {
    const MIN_WIRE: usize = 16;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.error_code = d.read()?;
        m.producer_id = d.read()?;
        m.producer_epoch = d.read()?;
        d.read_if(v >= 6, &mut m.ongoing_txn_producer_id)?;
        d.read_if(v >= 6, &mut m.ongoing_txn_producer_epoch)?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.throttle_time_ms)?;
        e.write(&self.error_code)?;
        e.write(&self.producer_id)?;
        e.write(&self.producer_epoch)?;
        e.write_or_default(
            v >= 6,
            &self.ongoing_txn_producer_id,
            self.ongoing_txn_producer_id == -1,
            "OngoingTxnProducerId",
        )?;
        e.write_or_default(
            v >= 6,
            &self.ongoing_txn_producer_epoch,
            self.ongoing_txn_producer_epoch == -1,
            "OngoingTxnProducerEpoch",
        )?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl Message for InitProducerIdResponse {
    const NAME: &'static str = "InitProducerIdResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Response for InitProducerIdResponse {
    const KEY: ApiKey = ApiKey::InitProducerId;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}
