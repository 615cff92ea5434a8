//! Kafka's producer snapshot file, `%020d.snapshot` named by the offset it was taken at.
//!
//! ```text
//! version i16 = 1 | crc32c u32 of what follows | count i32 |
//!   per producer: id i64, epoch i16, last sequence i32, last offset i64, offset delta i32,
//!   timestamp i64, coordinator epoch i32, first offset of the open transaction i64
//! ```
//!
//! Only the last batch of a producer is in it, as with Kafka: older ones of the five come back
//! when recovery replays the batches after the snapshot.

use std::collections::VecDeque;

use bytes::{Buf, BufMut};
use chronik_types::{Offset, ProducerEpoch, ProducerId, Sequence};

use super::{BatchMark, Producer, Producers};
use crate::batch::checksum;

const VERSION: i16 = 1;
const ENTRIES_AT: usize = 6;
const ENTRY_BYTES: usize = 46;

/// A file that is not a snapshot of version 1 or whose checksum does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InvalidSnapshot;

/// The name of the snapshot taken at `offset`.
pub(crate) fn file_name(offset: Offset) -> String {
    format!("{:020}.snapshot", offset.get())
}

/// The file's bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "memory bounds it"
)]
pub(crate) fn encode(producers: &Producers) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENTRIES_AT + 4 + producers.by_id.len() * ENTRY_BYTES);
    out.put_i16(VERSION);
    out.put_u32(0);
    out.put_i32(producers.by_id.len() as i32);
    for (id, known) in &producers.by_id {
        let last = known.batches.back();
        out.put_i64(id.get());
        out.put_i16(known.epoch.get());
        out.put_i32(last.map_or(-1, |mark| mark.last_sequence.get()));
        out.put_i64(last.map_or(-1, |mark| mark.last_offset.get()));
        out.put_i32(last.map_or(0, |mark| {
            (mark.last_offset.get() - mark.base_offset.get()) as i32
        }));
        out.put_i64(known.last_timestamp);
        out.put_i32(known.coordinator_epoch);
        out.put_i64(known.txn_first_offset.map_or(-1, Offset::get));
    }
    let crc = checksum(&out[ENTRIES_AT..]);
    out[2..ENTRIES_AT].copy_from_slice(&crc.to_be_bytes());
    out
}

/// Reads a file's bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Producers, InvalidSnapshot> {
    let mut input = bytes;
    if input.len() < ENTRIES_AT + 4 || input.get_i16() != VERSION {
        return Err(InvalidSnapshot);
    }
    if input.get_u32() != checksum(&bytes[ENTRIES_AT..]) {
        return Err(InvalidSnapshot);
    }
    let count = usize::try_from(input.get_i32()).map_err(|_| InvalidSnapshot)?;
    if count.checked_mul(ENTRY_BYTES) != Some(input.len()) {
        return Err(InvalidSnapshot);
    }
    let mut producers = Producers::default();
    for _ in 0..count {
        let id = ProducerId::new(input.get_i64());
        let epoch = ProducerEpoch::new(input.get_i16());
        let last_sequence = input.get_i32();
        let last_offset = input.get_i64();
        let offset_delta = input.get_i32();
        let last_timestamp = input.get_i64();
        let coordinator_epoch = input.get_i32();
        let txn_first_offset = input.get_i64();
        let mut batches = VecDeque::new();
        if last_sequence >= 0 && last_offset >= 0 {
            batches.push_back(BatchMark {
                first_sequence: Sequence::new(minus(last_sequence, offset_delta)),
                last_sequence: Sequence::new(last_sequence),
                base_offset: Offset::new(last_offset - i64::from(offset_delta)),
                last_offset: Offset::new(last_offset),
                timestamp: last_timestamp,
            });
        }
        producers.by_id.insert(
            id,
            Producer {
                epoch,
                batches,
                last_timestamp,
                seen: last_timestamp,
                coordinator_epoch,
                txn_first_offset: (txn_first_offset >= 0).then(|| Offset::new(txn_first_offset)),
            },
        );
    }
    Ok(producers)
}

/// The sequence `delta` before `last`, wrapping below 0.
fn minus(last: i32, delta: i32) -> i32 {
    if last >= delta {
        last - delta
    } else {
        i32::MAX - (delta - last) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_reads_back_and_a_changed_byte_is_noticed() {
        let mut producers = Producers::default();
        producers.by_id.insert(
            ProducerId::new(7),
            Producer {
                epoch: ProducerEpoch::new(2),
                batches: VecDeque::from([BatchMark {
                    first_sequence: Sequence::new(i32::MAX),
                    last_sequence: Sequence::new(1),
                    base_offset: Offset::new(10),
                    last_offset: Offset::new(12),
                    timestamp: 44,
                }]),
                last_timestamp: 44,
                seen: 44,
                coordinator_epoch: 3,
                txn_first_offset: Some(Offset::new(10)),
            },
        );
        let bytes = encode(&producers);
        assert_eq!(bytes.len(), 10 + 46);
        assert_eq!(decode(&bytes), Ok(producers));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert_eq!(decode(&damaged), Err(InvalidSnapshot), "byte {at}");
        }
    }
}
