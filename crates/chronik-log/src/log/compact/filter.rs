//! What becomes of each batch: the rules of compaction, on bytes alone.
//!
//! - A record stays if it is the last of its key among those the map covers, or lies beyond.
//! - A record without a key goes.
//! - A tombstone stays until its batch's delete horizon, which the first pass sets.
//! - Data of an aborted transaction goes at once; a marker stays until a pass finds none of its
//!   data, and then until a delete horizon.
//! - A batch that loses all its records goes too, unless it is the last of a producer with state
//!   (I7) or ends where this round ends: those stay without records.
//!
//! Keeps I11: the order of batches and every offset stay as they are.

use std::collections::BTreeMap;

use bytes::Bytes;
use chronik_protocol::{BatchError, OpenBatch, without_records};
use chronik_types::{Offset, ProducerEpoch, ProducerId};

use super::offset_map::OffsetMap;
use super::transactions::{Aborted, Observed};
use crate::batch::Header;

/// Bytes that the records of one batch may take uncompressed: what a produce may have too.
pub(super) const OPEN_BYTES_MAX: usize = 64 << 20;
const DELETE_HORIZON_BIT: i16 = 1 << 6;

/// The last batch of each producer with state: its epoch, and the last offset of its data, which
/// is `None` if it only wrote markers.
pub(crate) type LastBatches = BTreeMap<ProducerId, (ProducerEpoch, Option<Offset>)>;

/// What becomes of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Keep,
    Replace(Bytes),
    Drop,
}

/// Records met and dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    pub(super) records: u64,
    pub(super) dropped: u64,
    /// Whether any batch is not what it was.
    pub(super) changed: bool,
}

/// One pass over a log, batch by batch from its start.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) map: OffsetMap,
    /// The map knows every key below (exclusive).
    pub(super) upto: Offset,
    pub(super) aborted: Aborted,
    pub(super) last_batches: LastBatches,
    /// Wall clock, in ms.
    pub(super) now: i64,
    /// `delete.retention.ms`
    pub(super) delete_retention_ms: i64,
    pub(super) observed: Observed,
    pub(super) counted: Counted,
}

impl Filter {
    /// Judges the next batch.
    pub(super) fn judge(&mut self, header: &Header, batch: &Bytes) -> Result<Verdict, BatchError> {
        let verdict = if header.is_control() {
            self.judge_marker(header, batch)?
        } else {
            self.judge_data(header, batch)?
        };
        self.counted.changed |= verdict != Verdict::Keep;
        Ok(verdict)
    }

    fn judge_marker(&mut self, header: &Header, batch: &Bytes) -> Result<Verdict, BatchError> {
        self.counted.records += 1;
        if !self.observed.marker(header) || header.base_offset >= self.upto {
            return Ok(Verdict::Keep);
        }
        if header.count == 0 {
            return self.emptied(header, batch);
        }
        match delete_horizon(header) {
            None => {
                let horizon = Some(self.new_horizon());
                let marked = OpenBatch::new(batch, OPEN_BYTES_MAX)?.retain(&[true], horizon)?;
                Ok(marked.map_or(Verdict::Keep, Verdict::Replace))
            }
            Some(horizon) if horizon <= self.now => {
                self.counted.dropped += 1;
                self.emptied(header, batch)
            }
            Some(_) => Ok(Verdict::Keep),
        }
    }

    fn judge_data(&mut self, header: &Header, batch: &Bytes) -> Result<Verdict, BatchError> {
        let count = u64::try_from(header.count).unwrap_or(0);
        self.counted.records += count;
        if header.is_transactional() {
            self.observed.data(header);
            if self.aborted.contains(header) {
                self.counted.dropped += count;
                return self.emptied(header, batch);
            }
        }
        if header.base_offset >= self.upto {
            return Ok(Verdict::Keep);
        }
        if header.count == 0 {
            return self.emptied(header, batch);
        }
        // Its checksum fits, so this is what a producer sent while nothing had to be opened: it
        // stays as it is, and only its own keys are not compacted.
        let Ok(open) = OpenBatch::new(batch, OPEN_BYTES_MAX) else {
            return Ok(Verdict::Keep);
        };
        let horizon = delete_horizon(header);
        let (mut keep, mut tombstones) = (Vec::new(), false);
        let walked = open.for_each(|record| {
            let is_last = |key| match self.map.get(key) {
                Some(last) => record.offset >= last.get(),
                None => true,
            };
            let in_time = record.has_value || horizon.is_none_or(|horizon| self.now < horizon);
            let stays =
                record.offset >= self.upto.get() || (in_time && record.key.is_some_and(is_last));
            tombstones |= stays && !record.has_value;
            keep.push(stays);
        });
        if walked.is_err() {
            return Ok(Verdict::Keep);
        }
        let gone = keep.iter().filter(|stays| !**stays).count();
        self.counted.dropped += gone as u64;
        if gone == keep.len() {
            return self.emptied(header, batch);
        }
        let new_horizon = (tombstones && horizon.is_none()).then(|| self.new_horizon());
        if gone == 0 && new_horizon.is_none() {
            return Ok(Verdict::Keep);
        }
        let rewritten = open.retain(&keep, new_horizon)?;
        Ok(rewritten.map_or(Verdict::Drop, Verdict::Replace))
    }

    /// What becomes of a batch of which no record stays.
    fn emptied(&self, header: &Header, batch: &Bytes) -> Result<Verdict, BatchError> {
        let is_last_of_producer =
            header
                .producer
                .is_some_and(|producer| match self.last_batches.get(&producer.id) {
                    None => false,
                    Some((_, Some(last))) => header.last_offset() == *last,
                    Some((epoch, None)) => header.is_control() && producer.epoch == *epoch,
                });
        if !is_last_of_producer && header.next_offset() != self.upto {
            return Ok(Verdict::Drop);
        }
        if header.count == 0 {
            return Ok(Verdict::Keep);
        }
        without_records(batch).map(Verdict::Replace)
    }

    fn new_horizon(&self) -> i64 {
        self.now.saturating_add(self.delete_retention_ms)
    }
}

/// Until when the tombstones of a batch stay, in ms, if a pass has met it.
fn delete_horizon(header: &Header) -> Option<i64> {
    (header.attributes & DELETE_HORIZON_BIT != 0).then_some(header.base_timestamp)
}

#[cfg(test)]
mod tests;
