//! `AddPartitionsToTxnRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnRequest {
    /// v4+
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// v0-3
    pub v3_and_below_transactional_id: Str,
    /// v0-3
    pub v3_and_below_producer_id: i64,
    /// v0-3
    pub v3_and_below_producer_epoch: i16,
    /// v0-3
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
}

impl Wire for AddPartitionsToTxnRequest {
    const MIN_WIRE: usize = 2;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        d.read_if(v >= 4, &mut m.transactions)?;
        d.read_if(v <= 3, &mut m.v3_and_below_transactional_id)?;
        d.read_if(v <= 3, &mut m.v3_and_below_producer_id)?;
        d.read_if(v <= 3, &mut m.v3_and_below_producer_epoch)?;
        d.read_if(v <= 3, &mut m.v3_and_below_topics)?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write_or_default(
            v >= 4,
            &self.transactions,
            self.transactions.is_empty(),
            "Transactions",
        )?;
        e.write_or_default(
            v <= 3,
            &self.v3_and_below_transactional_id,
            self.v3_and_below_transactional_id.is_empty(),
            "V3AndBelowTransactionalId",
        )?;
        e.write_or_default(
            v <= 3,
            &self.v3_and_below_producer_id,
            self.v3_and_below_producer_id == 0,
            "V3AndBelowProducerId",
        )?;
        e.write_or_default(
            v <= 3,
            &self.v3_and_below_producer_epoch,
            self.v3_and_below_producer_epoch == 0,
            "V3AndBelowProducerEpoch",
        )?;
        e.write_or_default(
            v <= 3,
            &self.v3_and_below_topics,
            self.v3_and_below_topics.is_empty(),
            "V3AndBelowTopics",
        )?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

/// Part of [`AddPartitionsToTxnRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
}

impl Wire for AddPartitionsToTxnTransaction {
    const MIN_WIRE: usize = 14;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.transactional_id = d.read()?;
        m.producer_id = d.read()?;
        m.producer_epoch = d.read()?;
        m.verify_only = d.read()?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.transactional_id)?;
        e.write(&self.producer_id)?;
        e.write(&self.producer_epoch)?;
        e.write(&self.verify_only)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`AddPartitionsToTxnRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddPartitionsToTxnTopic {
    pub name: Str,
    pub partitions: Vec<i32>,
}

impl Wire for AddPartitionsToTxnTopic {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.name = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(v >= 3)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.name)?;
        e.write(&self.partitions)?;
        e.no_tags(v >= 3);
        Ok(())
    }
}

impl Message for AddPartitionsToTxnRequest {
    const NAME: &'static str = "AddPartitionsToTxnRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    const FIRST_FLEXIBLE: Option<i16> = Some(3);
}

impl Request for AddPartitionsToTxnRequest {
    const KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    type Response = super::AddPartitionsToTxnResponse;
}
