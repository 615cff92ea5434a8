//! Transactions as compaction sees them: which data is of an aborted one, and which marker has no
//! data left.
//!
//! What was aborted is read off the markers themselves. Only offsets below the last stable offset
//! are ever compacted, so every transaction met there is decided, though its marker may lie
//! further on. Absent: the transaction index, which a rewritten segment does not need, because no
//! aborted data is left in it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chronik_protocol::RecordIter;
use chronik_types::{Offset, ProducerId};

use crate::batch::Header;

/// Aborted transactions held at most (24 bytes each).
const ABORTED_MAX: usize = 1 << 20;
/// Bytes of a marker's record at most.
const MARKER_BYTES_MAX: usize = 4096;
/// The type of a marker, after its version, that aborts.
const ABORT: [u8; 2] = [0, 0];

/// More aborted transactions than are held in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooManyAborted;

/// The ranges of aborted transactions, found by reading a log from its start.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    /// First and last offsets, in order, by producer.
    ranges: BTreeMap<ProducerId, Vec<(Offset, Offset)>>,
    count: usize,
    open: BTreeMap<ProducerId, Offset>,
}

impl Aborted {
    /// Takes note of the next batch of the log.
    pub(super) fn read(&mut self, header: &Header, batch: &Bytes) -> Result<(), TooManyAborted> {
        let Some(producer) = header.producer else {
            return Ok(());
        };
        if header.is_control() {
            let first = self.open.remove(&producer.id);
            if let Some(first) = first.filter(|_| aborts(batch)) {
                if self.count == ABORTED_MAX {
                    return Err(TooManyAborted);
                }
                self.count += 1;
                let last = header.last_offset();
                self.ranges
                    .entry(producer.id)
                    .or_default()
                    .push((first, last));
            }
        } else if header.is_transactional() {
            self.open.entry(producer.id).or_insert(header.base_offset);
        }
        Ok(())
    }

    /// Whether a transactional batch's records count for nothing.
    pub(super) fn contains(&self, header: &Header) -> bool {
        let of = |producer: ProducerId| self.ranges.get(&producer);
        header
            .producer
            .and_then(|producer| of(producer.id))
            .is_some_and(|ranges| {
                let after = ranges.partition_point(|range| range.0 <= header.base_offset);
                after > 0 && header.base_offset <= ranges[after - 1].1
            })
    }
}

fn aborts(marker: &Bytes) -> bool {
    let mut records = RecordIter::new(marker, MARKER_BYTES_MAX)
        .into_iter()
        .flatten();
    let key = records
        .next()
        .and_then(Result::ok)
        .and_then(|record| record.key);
    key.is_some_and(|key| key.get(2..4) == Some(&ABORT))
}

/// Whose data has been met since his last marker, in one pass over the log.
#[derive(Debug, Default)]
pub(super) struct Observed(BTreeSet<ProducerId>);

impl Observed {
    /// A transactional batch of data.
    pub(super) fn data(&mut self, header: &Header) {
        self.0.extend(header.producer.map(|producer| producer.id));
    }

    /// A marker: true if its transaction had no data left.
    pub(super) fn marker(&mut self, header: &Header) -> bool {
        header
            .producer
            .is_none_or(|producer| !self.0.remove(&producer.id))
    }
}
