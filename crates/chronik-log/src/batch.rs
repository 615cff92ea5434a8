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

use bytes::{Bytes, BytesMut};
use chronik_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use crc_fast::{CrcAlgorithm, Digest};

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

/// What a leader writes into a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) base_offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
    /// The time of the append (`message.timestamp.type=LogAppendTime`), in milliseconds.
    pub(crate) stamp: Option<i64>,
}

/// Whole batches on their way to disk: as they came, or one batch whose header was rewritten. The
/// records of a client's batch stay where the socket put them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Batches {
    /// A rewritten header, or empty.
    head: Bytes,
    rest: Bytes,
}

impl Batches {
    /// Batches as a leader placed them.
    pub(crate) fn verbatim(batches: Bytes) -> Self {
        Self {
            head: Bytes::new(),
            rest: batches,
        }
    }

    /// One batch, given its place. Base offset and leader epoch lie outside its checksum; a stamp
    /// does not.
    pub(crate) fn placed(batch: &Bytes, place: Place) -> Self {
        let mut head = BytesMut::from(&batch[..HEADER_BYTES]);
        head[0..8].copy_from_slice(&place.base_offset.get().to_be_bytes());
        head[12..16].copy_from_slice(&place.leader_epoch.get().to_be_bytes());
        let rest = batch.slice(HEADER_BYTES..);
        if let Some(now_millis) = place.stamp {
            head[22] |= 0x08;
            head[35..43].copy_from_slice(&now_millis.to_be_bytes());
            let crc = checksum_of(&[&head[ATTRIBUTES_AT..], &rest]);
            head[17..21].copy_from_slice(&crc.to_be_bytes());
        }
        Self {
            head: head.freeze(),
            rest,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.rest.len()
    }

    /// The bytes, in order; the first piece may be empty.
    pub(crate) fn pieces(&self) -> [Bytes; 2] {
        [self.head.clone(), self.rest.clone()]
    }

    /// Every batch: its header, and its bytes from the end of the header on.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Header, &[u8])> {
        let placed = Header::parse(&self.head).map(|header| (header, &self.rest[..]));
        let verbatim = if placed.is_none() {
            &self.rest[..]
        } else {
            &[]
        };
        let others = headers(verbatim)
            .map(move |(at, header)| (header, &verbatim[at + HEADER_BYTES..at + header.size]));
        placed.into_iter().chain(others)
    }
}

/// CRC-32C.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    checksum_of(&[bytes])
}

/// CRC-32C of pieces, one after the other.
#[expect(clippy::cast_possible_truncation, reason = "a 32-bit checksum")]
pub(crate) fn checksum_of(pieces: &[&[u8]]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize() as u32
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
        let place = Place {
            base_offset: Offset::new(40),
            leader_epoch: LeaderEpoch::new(3),
            stamp: Some(77),
        };
        let placed = Batches::placed(&Bytes::from(batch), place);
        let mut batch = placed.pieces().concat();
        assert_eq!(placed.len(), batch.len());
        let header = Header::parse(&batch).unwrap();
        assert!(header.checksum_fits(&batch));
        assert_eq!(header.max_timestamp, 77);
        assert_eq!(header.next_offset(), Offset::new(41));
        assert_eq!(header.leader_epoch, LeaderEpoch::new(3));
        let (first, records) = placed.iter().next().unwrap();
        assert_eq!((first, records), (header, &batch[HEADER_BYTES..]));
        let twice = Batches::verbatim([&batch[..], &batch].concat().into());
        assert_eq!(twice.iter().count(), 2);
        assert!(twice.iter().all(|both| both == (header, records)));
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
