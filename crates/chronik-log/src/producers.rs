//! Idempotent producers of one log: their epoch and their last five batches.
//!
//! Keeps I7: a sequence is stored once and in order. An exact repetition of one of the last five
//! batches is answered with its first offsets; anything else must follow the last batch. A
//! producer without state starts at sequence 0, unless the start of the log has moved, because
//! then its state may have been deleted with its records.
//! Absent: verification and fencing by the transaction coordinator.

mod snapshot;

use std::collections::{BTreeMap, VecDeque};

use chronik_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::batch::Header;
use crate::error::AppendError;
use crate::log::LastBatches;

pub(crate) use snapshot::{decode, encode, file_name};

/// Batches remembered per producer: Kafka's clients have at most five in flight.
const BATCHES_MAX: usize = 5;

/// One remembered batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BatchMark {
    pub(crate) first_sequence: Sequence,
    pub(crate) last_sequence: Sequence,
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) timestamp: i64,
}

/// What is known of one producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Producer {
    pub(crate) epoch: ProducerEpoch,
    pub(crate) batches: VecDeque<BatchMark>,
    pub(crate) last_timestamp: i64,
    /// When this node last saw it write, in wall-clock milliseconds. Records may carry any time,
    /// so what they carry says nothing about whether their producer is still there.
    pub(crate) seen: i64,
    pub(crate) coordinator_epoch: i32,
    pub(crate) txn_first_offset: Option<Offset>,
}

/// One producer as DescribeProducers shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActiveProducer {
    /// Its id.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The last sequence stored; `None` if it only wrote markers.
    pub last_sequence: Option<Sequence>,
    /// When it last wrote.
    pub last_timestamp: Timestamp,
    /// The epoch of the coordinator that wrote its last marker.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction starts.
    pub txn_first_offset: Option<Offset>,
}

/// How a batch relates to what its producer wrote before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    /// It follows.
    Next,
    /// It is already in the log.
    Duplicate(BatchMark),
}

/// The producers of one log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<ProducerId, Producer>,
}

impl Producers {
    /// Decides whether a client's batch may be appended.
    pub(crate) fn check(
        &self,
        header: &Header,
        log_start: Offset,
    ) -> Result<Relation, AppendError> {
        let Some(batch) = header.producer else {
            return Ok(Relation::Next);
        };
        let Some(first) = batch.first_sequence else {
            return Ok(Relation::Next);
        };
        let out_of_order = |expected| {
            Err(AppendError::OutOfOrderSequence {
                producer_id: batch.id,
                expected,
                got: first,
            })
        };
        let zero = Sequence::new(0);
        let Some(known) = self.by_id.get(&batch.id) else {
            let may_be_lost = log_start > Offset::ZERO;
            return if first == zero || may_be_lost {
                Ok(Relation::Next)
            } else {
                out_of_order(zero)
            };
        };
        if batch.epoch < known.epoch {
            return Err(AppendError::InvalidProducerEpoch {
                producer_id: batch.id,
                current: known.epoch,
                got: batch.epoch,
            });
        }
        if batch.epoch > known.epoch {
            return if first == zero {
                Ok(Relation::Next)
            } else {
                out_of_order(zero)
            };
        }
        let last = first.plus(header.last_offset_delta);
        if let Some(mark) = known
            .batches
            .iter()
            .find(|mark| mark.first_sequence == first && mark.last_sequence == last)
        {
            return Ok(Relation::Duplicate(*mark));
        }
        match known.batches.back() {
            // A marker opened this epoch: its first batch starts at 0.
            None if first == zero => Ok(Relation::Next),
            None => out_of_order(zero),
            Some(mark) if mark.last_sequence.plus(1) == first => Ok(Relation::Next),
            Some(mark) => out_of_order(mark.last_sequence.plus(1)),
        }
    }

    /// Notes a batch appended at `now`; `marker` is what a control batch carries.
    pub(crate) fn note(&mut self, header: &Header, marker: Option<Marker>, now: i64) {
        let Some(batch) = header.producer else {
            return;
        };
        let known = self.by_id.entry(batch.id).or_insert_with(|| Producer {
            epoch: batch.epoch,
            batches: VecDeque::new(),
            last_timestamp: header.max_timestamp,
            seen: now,
            coordinator_epoch: -1,
            txn_first_offset: None,
        });
        if known.epoch != batch.epoch {
            known.epoch = batch.epoch;
            known.batches.clear();
        }
        known.last_timestamp = header.max_timestamp;
        known.seen = now;
        if header.is_control() {
            known.txn_first_offset = None;
            if let Some(marker) = marker {
                known.coordinator_epoch = marker.coordinator_epoch;
            }
            return;
        }
        if let Some(first_sequence) = batch.first_sequence {
            if known.batches.len() == BATCHES_MAX {
                known.batches.pop_front();
            }
            known.batches.push_back(BatchMark {
                first_sequence,
                last_sequence: first_sequence.plus(header.last_offset_delta),
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                timestamp: header.max_timestamp,
            });
        }
        if header.is_transactional() && known.txn_first_offset.is_none() {
            known.txn_first_offset = Some(header.base_offset);
        }
    }

    /// A stop says nothing about producers: none is silent before `now`.
    pub(crate) fn all_seen(&mut self, now: i64) {
        for known in self.by_id.values_mut() {
            known.seen = now;
        }
    }

    /// Forgets producers that have been silent since `oldest` and have no open transaction.
    pub(crate) fn expire(&mut self, oldest: i64) {
        self.by_id
            .retain(|_, known| known.txn_first_offset.is_some() || known.seen >= oldest);
    }

    /// The first offset of the oldest open transaction.
    pub(crate) fn first_open_transaction(&self) -> Option<Offset> {
        self.by_id
            .values()
            .filter_map(|known| known.txn_first_offset)
            .min()
    }

    /// The last batch of each producer, which compaction keeps.
    pub(crate) fn last_batches(&self) -> LastBatches {
        let last = |known: &Producer| known.batches.back().map(|mark| mark.last_offset);
        self.by_id
            .iter()
            .map(|(id, known)| (*id, (known.epoch, last(known))))
            .collect()
    }

    pub(crate) fn describe(&self) -> Vec<ActiveProducer> {
        self.by_id
            .iter()
            .map(|(id, known)| ActiveProducer {
                id: *id,
                epoch: known.epoch,
                last_sequence: known.batches.back().map(|mark| mark.last_sequence),
                last_timestamp: Timestamp::from_millis(known.last_timestamp),
                coordinator_epoch: (known.coordinator_epoch >= 0)
                    .then_some(known.coordinator_epoch),
                txn_first_offset: known.txn_first_offset,
            })
            .collect()
    }
}

/// What the log keeps of a transaction marker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marker {
    pub(crate) coordinator_epoch: i32,
}

impl Marker {
    /// Reads the single record of a control batch, from the end of the batch's header on: a
    /// varint-framed record whose value is `version i16, coordinator epoch i32`.
    pub(crate) fn parse(header: &Header, records: &[u8]) -> Option<Self> {
        if !header.is_control() {
            return None;
        }
        let mut at = 0;
        let _length = varint(records, &mut at)?;
        at += 1;
        let _timestamp_delta = varint(records, &mut at)?;
        let _offset_delta = varint(records, &mut at)?;
        let key = usize::try_from(varint(records, &mut at)?).ok()?;
        at = at.checked_add(key)?;
        let value = usize::try_from(varint(records, &mut at)?).ok()?;
        let value = records.get(at..at.checked_add(value)?)?;
        let epoch = value.get(2..6)?.try_into().ok()?;
        Some(Self {
            coordinator_epoch: i32::from_be_bytes(epoch),
        })
    }
}

/// A zigzag varint of at most ten bytes.
pub(crate) fn varint(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut value: u64 = 0;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchProducer;
    use chronik_types::LeaderEpoch;

    fn header(epoch: i16, sequence: i32, count: i32, base: i64) -> Header {
        Header {
            base_offset: Offset::new(base),
            size: 100,
            leader_epoch: LeaderEpoch::new(0),
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 5,
            producer: Some(BatchProducer {
                id: ProducerId::new(9),
                epoch: ProducerEpoch::new(epoch),
                first_sequence: Some(Sequence::new(sequence)),
            }),
            count,
        }
    }

    fn append(producers: &mut Producers, header: &Header) -> Relation {
        let relation = producers.check(header, Offset::ZERO).unwrap();
        if relation == Relation::Next {
            producers.note(header, None, 0);
        }
        relation
    }

    #[test]
    fn a_repeated_batch_of_the_last_five_is_answered_with_its_first_offsets() {
        let mut producers = Producers::default();
        for n in 0..6 {
            assert_eq!(
                append(&mut producers, &header(0, n * 10, 10, i64::from(n) * 10)),
                Relation::Next
            );
        }
        let Relation::Duplicate(mark) = append(&mut producers, &header(0, 10, 10, 99)) else {
            panic!("the second of six batches is remembered");
        };
        assert_eq!(mark.base_offset, Offset::new(10));
        assert!(matches!(
            producers.check(&header(0, 0, 10, 99), Offset::ZERO),
            Err(AppendError::OutOfOrderSequence { .. })
        ));
    }

    #[test]
    fn a_gap_an_old_epoch_and_a_new_epoch_not_at_zero_are_refused() {
        let mut producers = Producers::default();
        assert!(matches!(
            producers.check(&header(0, 3, 1, 0), Offset::ZERO),
            Err(AppendError::OutOfOrderSequence { .. })
        ));
        assert!(producers.check(&header(0, 3, 1, 0), Offset::new(1)).is_ok());
        append(&mut producers, &header(2, 0, 3, 0));
        assert!(matches!(
            producers.check(&header(2, 4, 1, 3), Offset::ZERO),
            Err(AppendError::OutOfOrderSequence { .. })
        ));
        assert!(matches!(
            producers.check(&header(1, 3, 1, 3), Offset::ZERO),
            Err(AppendError::InvalidProducerEpoch { .. })
        ));
        assert!(producers.check(&header(3, 3, 1, 3), Offset::ZERO).is_err());
        assert!(producers.check(&header(3, 0, 1, 3), Offset::ZERO).is_ok());
    }

    #[test]
    fn sequences_go_on_at_zero_after_the_greatest_int() {
        let mut producers = Producers::default();
        producers.note(&header(0, i32::MAX - 1, 3, 0), None, 0);
        assert_eq!(append(&mut producers, &header(0, 1, 1, 3)), Relation::Next);
    }

    #[test]
    fn silent_producers_expire_unless_a_transaction_is_open() {
        let mut producers = Producers::default();
        producers.note(&header(0, 0, 1, 0), None, 5);
        producers.expire(5);
        assert_eq!(producers.describe().len(), 1);
        let mut open = header(0, 1, 1, 1);
        open.attributes = 0x10;
        producers.note(&open, None, 5);
        producers.expire(6);
        assert_eq!(producers.first_open_transaction(), Some(Offset::new(1)));
    }
}
