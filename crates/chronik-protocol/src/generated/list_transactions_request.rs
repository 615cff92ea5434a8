//! `ListTransactionsRequest`. Made by `cargo xtask codegen` from `schema/messages.txt`; do not edit.

use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Message, Request, Str, Wire};

/// Versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct ListTransactionsRequest {
    pub state_filters: Vec<Str>,
    pub producer_id_filters: Vec<i64>,
    /// v1+
    pub duration_filter: i64,
    /// v2+
    pub transactional_id_pattern: Option<Str>,
}

impl Default for ListTransactionsRequest {
    fn default() -> Self {
        Self {
            state_filters: Vec::new(),
            producer_id_filters: Vec::new(),
            duration_filter: -1,
            transactional_id_pattern: None,
        }
    }
}

impl Wire for ListTransactionsRequest {
    const MIN_WIRE: usize = 3;

    fn read(d: &mut Decoder) -> Result<Self, DecodeError> {
        let v = d.version();
        let mut m = Self::default();
        m.state_filters = d.read()?;
        m.producer_id_filters = d.read()?;
        d.read_if(v >= 1, &mut m.duration_filter)?;
        d.read_if(v >= 2, &mut m.transactional_id_pattern)?;
        d.skip_tags(true)?;
        Ok(m)
    }

    fn write(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        let v = e.version();
        e.write(&self.state_filters)?;
        e.write(&self.producer_id_filters)?;
        e.write_or_default(
            v >= 1,
            &self.duration_filter,
            self.duration_filter == -1,
            "DurationFilter",
        )?;
        e.write_or_default(
            v >= 2,
            &self.transactional_id_pattern,
            self.transactional_id_pattern.is_none(),
            "TransactionalIdPattern",
        )?;
        e.no_tags(true);
        Ok(())
    }
}

impl Message for ListTransactionsRequest {
    const NAME: &'static str = "ListTransactionsRequest";
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    const FIRST_FLEXIBLE: Option<i16> = Some(0);
}

impl Request for ListTransactionsRequest {
    const KEY: ApiKey = ApiKey::ListTransactions;
    type Response = super::ListTransactionsResponse;
}
