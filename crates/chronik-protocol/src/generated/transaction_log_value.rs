//! `TransactionLogValue`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Str, Wire};

/// Versions 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionLogValue {
    pub producer_id: i64,
    /// v1+, tag 0
    pub previous_producer_id: i64,
    /// v1+, tag 1
    pub next_producer_id: i64,
    pub producer_epoch: i16,
    /// v1+, tag 3
    pub next_producer_epoch: i16,
    pub transaction_timeout_ms: i32,
    pub transaction_status: i8,
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    pub transaction_last_update_timestamp_ms: i64,
    pub transaction_start_timestamp_ms: i64,
    /// v1+, tag 2
    pub client_transaction_version: i16,
}

impl Default for TransactionLogValue {
    fn default() -> Self {
        Self {
            producer_id: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: 0,
            next_producer_epoch: -1,
            transaction_timeout_ms: 0,
            transaction_status: 0,
            transaction_partitions: Some(Vec::new()),
            transaction_last_update_timestamp_ms: 0,
            transaction_start_timestamp_ms: 0,
            client_transaction_version: 0,
        }
    }
}

impl Wire for TransactionLogValue {
    const MIN_WIRE: usize = 33;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.producer_id = d.read()?;
        m.producer_epoch = d.read()?;
        m.transaction_timeout_ms = d.read()?;
        m.transaction_status = d.read()?;
        m.transaction_partitions = d.read()?;
        m.transaction_last_update_timestamp_ms = d.read()?;
        m.transaction_start_timestamp_ms = d.read()?;
        d.tags(v >= 1, |d, tag| match tag {
            0 => d.tagged(&mut m.previous_producer_id),
            1 => d.tagged(&mut m.next_producer_id),
            2 => d.tagged(&mut m.client_transaction_version),
            3 => d.tagged(&mut m.next_producer_epoch),
            _ => Ok(false),
        })?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.producer_id)?;
        e.write(&self.producer_epoch)?;
        e.write(&self.transaction_timeout_ms)?;
        e.write(&self.transaction_status)?;
        e.write(&self.transaction_partitions)?;
        e.write(&self.transaction_last_update_timestamp_ms)?;
        e.write(&self.transaction_start_timestamp_ms)?;
        let tags = e.begin_tags(v >= 1);
        if self.previous_producer_id != -1 {
            e.present(v >= 1, "PreviousProducerId")?;
            e.tagged(tags, 0, &self.previous_producer_id)?;
        }
        if self.next_producer_id != -1 {
            e.present(v >= 1, "NextProducerId")?;
            e.tagged(tags, 1, &self.next_producer_id)?;
        }
        if self.client_transaction_version != 0 {
            e.present(v >= 1, "ClientTransactionVersion")?;
            e.tagged(tags, 2, &self.client_transaction_version)?;
        }
        if self.next_producer_epoch != -1 {
            e.present(v >= 1, "NextProducerEpoch")?;
            e.tagged(tags, 3, &self.next_producer_epoch)?;
        }
        Ok(())
    }
}

/// Part of [`TransactionLogValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionsSchema {
    pub topic: Str,
    pub partition_ids: Vec<i32>,
}

impl Wire for PartitionsSchema {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.topic = d.read()?;
        m.partition_ids = d.read()?;
        d.skip_tags(v >= 1)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.topic)?;
        e.write(&self.partition_ids)?;
        e.no_tags(v >= 1);
        Ok(())
    }
}

impl Message for TransactionLogValue {
    const NAME: &'static str = "TransactionLogValue";
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    const FIRST_FLEXIBLE: Option<i16> = Some(1);
}
