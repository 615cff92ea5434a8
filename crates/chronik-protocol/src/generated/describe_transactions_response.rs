//! `DescribeTransactionsResponse`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Response, Str, Wire};

/// Versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeTransactionsResponse {
    pub throttle_time_ms: i32,
    pub transaction_states: Vec<TransactionState>,
}

impl Wire for DescribeTransactionsResponse {
    const MIN_WIRE: usize = 6;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.throttle_time_ms = d.read()?;
        m.transaction_states = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.throttle_time_ms)?;
        e.write(&self.transaction_states)?;
        e.no_tags(true);
        Ok(())
    }
}

/// Part of [`DescribeTransactionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionState {
    pub error_code: i16,
    pub transactional_id: Str,
    pub transaction_state: Str,
    pub transaction_timeout_ms: i32,
    pub transaction_start_time_ms: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub topics: Vec<TopicData>,
}

impl Wire for TransactionState {
    const MIN_WIRE: usize = 28;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.error_code = d.read()?;
        m.transactional_id = d.read()?;
        m.transaction_state = d.read()?;
        m.transaction_timeout_ms = d.read()?;
        m.transaction_start_time_ms = d.read()?;
        m.producer_id = d.read()?;
        m.producer_epoch = d.read()?;
        m.topics = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.error_code)?;
        e.write(&self.transactional_id)?;
        e.write(&self.transaction_state)?;
        e.write(&self.transaction_timeout_ms)?;
        e.write(&self.transaction_start_time_ms)?;
        e.write(&self.producer_id)?;
        e.write(&self.producer_epoch)?;
        e.write(&self.topics)?;
        e.no_tags(true);
        Ok(())
    }
}

impl TransactionState {
    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        visit(self.error_code);
    }
}

/// Part of [`DescribeTransactionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicData {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

impl Wire for TopicData {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let mut m = Self::default();
        m.topic = d.read()?;
        m.partitions = d.read()?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write(&self.topic)?;
        e.write(&self.partitions)?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for DescribeTransactionsResponse {
    const NAME: &'static str = "DescribeTransactionsResponse";
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Response for DescribeTransactionsResponse {
    const KEY: ApiKey = ApiKey::DescribeTransactions;

    fn visit_errors(&self, visit: &mut dyn FnMut(i16)) {
        for part in &self.transaction_states {
            part.visit_errors(visit);
        }
    }
}
