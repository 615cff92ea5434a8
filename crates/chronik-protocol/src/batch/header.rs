//! The 61 bytes before the records, and the few of them that a broker rewrites.

use super::{BatchError, crc32c};
use crate::Codec;

/// Where things are; see the picture in the parent module.
pub(super) const LENGTH_AT: usize = 8;
pub(super) const EPOCH_AT: usize = 12;
pub(super) const MAGIC_AT: usize = 16;
pub(super) const CRC_AT: usize = 17;
pub(super) const ATTRIBUTES_AT: usize = 21;
pub(super) const BASE_TIMESTAMP_AT: usize = 27;
pub(super) const MAX_TIMESTAMP_AT: usize = 35;
pub(super) const COUNT_AT: usize = 57;
pub(super) const RECORDS_AT: usize = 61;

/// What `length` does not count: itself and the base offset.
pub(super) const OVERHEAD: usize = 12;

const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const DELETE_HORIZON: i16 = 1 << 6;

/// Who set the timestamps of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimestampType {
    /// The producer, a record at a time.
    CreateTime,
    /// The leader: all records have the max timestamp.
    LogAppendTime,
}

/// The header as the wire has it, sentinels (-1) included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes after the length field, at least 49.
    pub length: i32,
    /// Epoch of the leader that appended it.
    pub partition_leader_epoch: i32,
    /// CRC-32C from the attributes to the end.
    pub crc: u32,
    /// See the methods.
    pub attributes: i16,
    /// Offset of the last record, from the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamps count from; the delete horizon if that bit is set. In ms.
    pub base_timestamp: i64,
    /// The greatest timestamp, in ms.
    pub max_timestamp: i64,
    /// -1 if the producer is not idempotent.
    pub producer_id: i64,
    /// -1 if the producer is not idempotent.
    pub producer_epoch: i16,
    /// Sequence number of the first record; -1 if the producer is not idempotent.
    pub base_sequence: i32,
    /// Records in the batch.
    pub count: i32,
}

impl BatchHeader {
    /// Bytes of a header.
    pub const SIZE: usize = RECORDS_AT;

    /// Reads the header at the start of `bytes`, which may end after it. Checks magic and length,
    /// and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        // The magic stands at the same place in all formats.
        match bytes.get(MAGIC_AT).map(|magic| magic.cast_signed()) {
            Some(2) | None => {}
            Some(magic @ (0 | 1)) => return Err(BatchError::OldMagic(magic)),
            Some(magic) => return Err(BatchError::UnknownMagic(magic)),
        }
        let Some(header) = bytes.first_chunk::<RECORDS_AT>() else {
            return Err(BatchError::Truncated {
                needed: RECORDS_AT,
                left: bytes.len(),
            });
        };
        let header = Self {
            base_offset: i64::from_be_bytes(at(header, 0)),
            length: i32::from_be_bytes(at(header, LENGTH_AT)),
            partition_leader_epoch: i32::from_be_bytes(at(header, EPOCH_AT)),
            crc: u32::from_be_bytes(at(header, CRC_AT)),
            attributes: i16::from_be_bytes(at(header, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(at(header, 23)),
            base_timestamp: i64::from_be_bytes(at(header, BASE_TIMESTAMP_AT)),
            max_timestamp: i64::from_be_bytes(at(header, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(at(header, 43)),
            producer_epoch: i16::from_be_bytes(at(header, 51)),
            base_sequence: i32::from_be_bytes(at(header, 53)),
            count: i32::from_be_bytes(at(header, COUNT_AT)),
        };
        match usize::try_from(header.length) {
            Ok(length) if length >= RECORDS_AT - OVERHEAD => Ok(header),
            _ => Err(BatchError::Length(header.length)),
        }
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        usize::try_from(self.length).unwrap_or(0) + OVERHEAD
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }

    /// The offset after the last record.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// How the records are compressed; an error if the number means nothing.
    pub fn codec(&self) -> Result<Codec, BatchError> {
        let id = self.attributes.to_be_bytes()[1] & 0x07;
        Codec::from_id(id).ok_or(BatchError::Codec(id))
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        match self.attributes & LOG_APPEND_TIME {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether it is a marker that only brokers write.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Until when tombstones and markers are kept, in ms, once the cleaner has seen the batch.
    pub fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// Whether an idempotent or transactional producer sent it.
    pub fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// The attributes' bits, for builders.
    pub(super) fn attributes_of(codec: Codec, transactional: bool, control: bool) -> i16 {
        let flag = |set: bool, bit: i16| if set { bit } else { 0 };
        i16::from(codec.id()) | flag(transactional, TRANSACTIONAL) | flag(control, CONTROL)
    }
}

fn at<const N: usize>(header: &[u8; RECORDS_AT], offset: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[offset..offset + N]);
    bytes
}

/// Sets where a batch stands in the log. The CRC does not cover it.
///
/// # Panics
/// If `batch` is shorter than a header: it was validated before.
pub fn rewrite_base_offset_and_epoch(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    batch[..LENGTH_AT].copy_from_slice(&base_offset.to_be_bytes());
    batch[EPOCH_AT..MAGIC_AT].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Makes `timestamp` (ms) the time of all records; redoes the CRC.
///
/// # Panics
/// If `batch` is shorter than a header: it was validated before.
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) {
    set_max_timestamp(batch, TimestampType::LogAppendTime, timestamp);
}

/// Sets the max timestamp (ms) and who set it; redoes the CRC. `batch` holds exactly one.
///
/// # Panics
/// If `batch` is shorter than a header: it was validated before.
pub fn set_max_timestamp(batch: &mut [u8], kind: TimestampType, timestamp: i64) {
    let [high, low] = LOG_APPEND_TIME.to_be_bytes();
    let attributes = &mut batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2];
    match kind {
        TimestampType::CreateTime => {
            attributes[0] &= !high;
            attributes[1] &= !low;
        }
        TimestampType::LogAppendTime => {
            attributes[0] |= high;
            attributes[1] |= low;
        }
    }
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&timestamp.to_be_bytes());
    let crc = crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
}

/// The headers of batches that follow each other in a buffer, such as a piece of a log. It
/// checks no CRC, ends cleanly where the buffer cuts a batch off, and at once after an error.
#[derive(Clone, Debug)]
pub struct BatchIter<'a> {
    buffer: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> BatchIter<'a> {
    /// Starts at the first byte.
    pub fn new(buffer: &'a [u8]) -> Self {
        Self {
            buffer,
            position: 0,
            failed: false,
        }
    }

    /// Where the next batch starts: after the last one, the bytes in whole batches.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl Iterator for BatchIter<'_> {
    /// Where a batch starts in the buffer, and its header.
    type Item = Result<(usize, BatchHeader), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let rest = &self.buffer[self.position..];
        match BatchHeader::parse(rest) {
            Ok(header) if header.size() <= rest.len() => {
                let start = self.position;
                self.position += header.size();
                Some(Ok((start, header)))
            }
            Ok(_) | Err(BatchError::Truncated { .. }) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
