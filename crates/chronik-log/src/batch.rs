//! The header of a record batch (format v2) as the log needs it: positions, producer, timestamps.
//!
//! ```text
//!  0 base offset i64   8 length i32   12 leader epoch i32   16 magic i8   17 crc u32
//! 21 attributes i16   23 last offset delta i32   27 base timestamp i64   35 max timestamp i64
//! 43 producer id i64  51 producer epoch i16      53 base sequence i32    57 count i32
//! ```
//!
//! Everything before the attributes lies outside the CRC, so a leader can place a batch without
//! touching the rest. Absent: validation of records, which happens before a batch gets here.

use chronik_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use crc_fast::CrcAlgorithm;

/// Bytes of a batch header.
pub(crate) const HEADER_BYTES: usize = 61;
/// Bytes in front of what the length field counts.
const LENGTH_ENDS: usize = 12;
const ATTRIBUTES_AT: usize = 21;

/// What the log reads of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) base_offset: Offset,
    /// Bytes of the whole batch.
    pub(crate) size: usize,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) crc: u32,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer: Option<BatchProducer>,
    pub(crate) count: i32,
}

/// The idempotent producer of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BatchProducer {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    /// `None` in a control batch.
    pub(crate) first_sequence: Option<Sequence>,
}

impl Header {
    /// Reads a header; `None` if the bytes cannot begin a batch of format v2.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[16] != 2 {
            return None;
        }
        let length = i32_at(bytes, 8);
        let size = usize::try_from(length).ok()?.checked_add(LENGTH_ENDS)?;
        let last_offset_delta = i32_at(bytes, 23);
        let base_offset = i64_at(bytes, 0);
        if size < HEADER_BYTES
            || base_offset < 0
            || last_offset_delta < 0
            || base_offset
                .checked_add(i64::from(last_offset_delta))
                .is_none()
        {
            return None;
        }
        let producer_id = i64_at(bytes, 43);
        let sequence = i32_at(bytes, 53);
        Some(Self {
            base_offset: Offset::new(base_offset),
            size,
            leader_epoch: LeaderEpoch::new(i32_at(bytes, 12)),
            crc: u32::from_be_bytes(array(bytes, 17)),
            attributes: i16::from_be_bytes(array(bytes, 21)),
            last_offset_delta,
            base_timestamp: i64_at(bytes, 27),
            max_timestamp: i64_at(bytes, 35),
            producer: (producer_id >= 0).then(|| BatchProducer {
                id: ProducerId::new(producer_id),
                epoch: ProducerEpoch::new(i16::from_be_bytes(array(bytes, 51))),
                first_sequence: (sequence >= 0).then(|| Sequence::new(sequence)),
            }),
            count: i32_at(bytes, 57),
        })
    }

    /// The offset of the last record.
    pub(crate) fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after the last record.
    pub(crate) fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// Whether its records are of a transaction.
    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & 0x10 != 0
    }

    /// Whether it carries a marker instead of records of clients.
    pub(crate) fn is_control(&self) -> bool {
        self.attributes & 0x20 != 0
    }

    /// Whether the batch's own checksum fits its bytes.
    pub(crate) fn checksum_fits(&self, batch: &[u8]) -> bool {
        batch.len() == self.size && checksum(&batch[ATTRIBUTES_AT..]) == self.crc
    }
}

/// Gives a batch its place: base offset and leader epoch, both outside its checksum.
pub(crate) fn place(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    batch[0..8].copy_from_slice(&base_offset.get().to_be_bytes());
    batch[12..16].copy_from_slice(&leader_epoch.get().to_be_bytes());
}

/// Stamps a batch with the time of its append (`message.timestamp.type=LogAppendTime`).
pub(crate) fn stamp(batch: &mut [u8], now_millis: i64) {
    batch[22] |= 0x08;
    batch[35..43].copy_from_slice(&now_millis.to_be_bytes());
    let crc = checksum(&batch[ATTRIBUTES_AT..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// CRC-32C.
#[expect(clippy::cast_possible_truncation, reason = "a 32-bit checksum")]
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// The headers of consecutive whole batches in `bytes`, each with its position there. Ends at
/// the first that is not whole.
pub(crate) fn headers(bytes: &[u8]) -> impl Iterator<Item = (usize, Header)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let header = Header::parse(&bytes[at..])?;
        let here = at;
        at = at
            .checked_add(header.size)
            .filter(|end| *end <= bytes.len())?;
        Some((here, header))
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(array(bytes, at))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(array(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_placed_and_stamped_keeps_a_fitting_checksum() {
        let mut batch = vec![0; HEADER_BYTES + 9];
        batch[8..12].copy_from_slice(&58_i32.to_be_bytes());
        batch[16] = 2;
        stamp(&mut batch, 77);
        place(&mut batch, Offset::new(40), LeaderEpoch::new(3));
        let header = Header::parse(&batch).unwrap();
        assert!(header.checksum_fits(&batch));
        assert_eq!(header.max_timestamp, 77);
        assert_eq!(header.next_offset(), Offset::new(41));
        assert_eq!(header.leader_epoch, LeaderEpoch::new(3));
        batch[50] ^= 1;
        assert!(!header.checksum_fits(&batch));
    }

    #[test]
    fn bytes_that_cannot_be_a_batch_are_refused() {
        assert_eq!(Header::parse(&[0; HEADER_BYTES]), None);
        let mut batch = vec![0; HEADER_BYTES];
        batch[16] = 2;
        assert_eq!(Header::parse(&batch), None, "a length below a header");
        assert_eq!(headers(&batch).count(), 0);
    }
}
