//! `InitProducerIdRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct InitProducerIdRequest {
    pub transactional_id: Option<Str>,
    pub transaction_timeout_ms: i32,
    /// v3+
    pub producer_id: i64,
    /// v3+
    pub producer_epoch: i16,
    /// v6+
    pub enable2_pc: bool,
    /// v6+
    pub keep_prepared_txn: bool,
}

impl Default for InitProducerIdRequest {
    fn default() -> Self {
        Self {
            transactional_id: Some(Str::default()),
            transaction_timeout_ms: 0,
            producer_id: -1,
            producer_epoch: -1,
            enable2_pc: false,
            keep_prepared_txn: false,
        }
    }
}

impl Wire for InitProducerIdRequest {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.transactional_id = d.read()?;
        m.transaction_timeout_ms = d.read()?;
        d.read_if(v >= 3, &mut m.producer_id)?;
        d.read_if(v >= 3, &mut m.producer_epoch)?;
        d.read_if(v >= 6, &mut m.enable2_pc)?;
        d.read_if(v >= 6, &mut m.keep_prepared_txn)?;
        d.skip_tags(v >= 2)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.transactional_id)?;
        e.write(&self.transaction_timeout_ms)?;
        e.write_or_default(
            v >= 3,
            &self.producer_id,
            self.producer_id == -1,
            "ProducerId",
        )?;
        e.write_or_default(
            v >= 3,
            &self.producer_epoch,
            self.producer_epoch == -1,
            "ProducerEpoch",
        )?;
        e.write_or_default(v >= 6, &self.enable2_pc, !self.enable2_pc, "Enable2Pc")?;
        e.write_or_default(
            v >= 6,
            &self.keep_prepared_txn,
            !self.keep_prepared_txn,
            "KeepPreparedTxn",
        )?;
        e.no_tags(v >= 2);
        Ok(())
    }
}

impl Message for InitProducerIdRequest {
    const NAME: &'static str = "InitProducerIdRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    const FIRST_FLEXIBLE: Option<i16> = Some(2);
}

impl Request for InitProducerIdRequest {
    const KEY: ApiKey = ApiKey::InitProducerId;
    type Response = super::InitProducerIdResponse;
}
