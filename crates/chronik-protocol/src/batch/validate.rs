//! What every produced batch must satisfy before it is stored.
//!
//! Keeps I14: nothing is allocated for an uncompressed batch, and its records are walked right
//! after the CRC has brought them into the cache. Compressed records are opened only by
//! [`inspect_records`], up to a budget. Absent: what depends on the topic (compaction, its
//! limits on timestamps and codecs) and the refusal of control batches, which replicas accept.

use super::header::{ATTRIBUTES_AT, RECORDS_AT};
use super::record::{open, parse_record, timestamp};
use super::{BatchError, BatchHeader, RecordProblem, crc32c};
use crate::Codec;

/// What the caller allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchLimits {
    /// Bytes of the batch: the topic's `max.message.bytes`.
    pub size_max: usize,
    /// Records in the batch.
    pub records_max: i32,
}

impl Default for BatchLimits {
    /// Any size, 1,000,000 records.
    fn default() -> Self {
        Self {
            size_max: usize::MAX,
            records_max: 1_000_000,
        }
    }
}

/// A batch that passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchInfo {
    /// Its header.
    pub header: BatchHeader,
    /// What was seen of its records: `None` if they are compressed.
    pub records: Option<RecordFacts>,
}

/// What a walk over all records of a batch found.
///
/// Kafka compares: where the greatest timestamp found is not the header's, it writes what it
/// found ([`super::set_max_timestamp`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordFacts {
    /// The least timestamp, in ms.
    pub min_timestamp: i64,
    /// The greatest timestamp, in ms.
    pub max_timestamp: i64,
    /// The first record that has it.
    pub max_timestamp_offset_delta: i32,
    /// The first record without a key: illegal where the topic is compacted.
    pub first_null_key: Option<i32>,
    /// Bytes of all records when they are not compressed.
    pub opened_bytes: usize,
}

/// Checks a produced batch: exactly one in `buffer`, magic 2, sizes, CRC, codec, count and
/// sequence; if it is not compressed, every record too.
pub fn validate(buffer: &[u8], limits: &BatchLimits) -> Result<BatchInfo, BatchError> {
    let header = BatchHeader::parse(buffer)?;
    let size = header.size();
    if size > buffer.len() {
        return Err(BatchError::Truncated {
            needed: size,
            left: buffer.len(),
        });
    }
    if size < buffer.len() {
        return Err(BatchError::MoreThanOneBatch {
            size,
            buffer: buffer.len(),
        });
    }
    if size > limits.size_max {
        return Err(BatchError::TooLarge {
            size,
            max: limits.size_max,
        });
    }
    let computed = crc32c(&buffer[ATTRIBUTES_AT..]);
    if computed != header.crc {
        return Err(BatchError::Crc {
            stored: header.crc,
            computed,
        });
    }
    let codec = header.codec()?;
    if codec == Codec::Lz4 {
        check_lz4_frame(&buffer[RECORDS_AT..])?;
    }
    let BatchHeader {
        count,
        last_offset_delta,
        producer_id,
        base_sequence,
        ..
    } = header;
    if count < 1 || count > limits.records_max || last_offset_delta != count - 1 {
        return Err(BatchError::Count {
            count,
            last_offset_delta,
        });
    }
    if header.has_producer() && !header.is_control() && base_sequence < 0 {
        return Err(BatchError::BaseSequence {
            producer_id,
            base_sequence,
        });
    }
    let records = match codec {
        Codec::None => Some(walk(&header, &buffer[RECORDS_AT..])?),
        _ => None,
    };
    Ok(BatchInfo { header, records })
}

/// Walks the records of a batch that [`validate`] passed, whatever its codec. Compressed ones
/// take at most `budget` bytes of memory, or it fails with [`BatchError::OverBudget`].
pub fn inspect_records(batch: &[u8], budget: usize) -> Result<RecordFacts, BatchError> {
    let header = BatchHeader::parse(batch)?;
    let size = header.size();
    let records = batch.get(RECORDS_AT..size).ok_or(BatchError::Truncated {
        needed: size,
        left: batch.len(),
    })?;
    match header.codec()? {
        Codec::None => walk(&header, records),
        codec => walk(&header, &open(codec, records, budget)?),
    }
}

pub(super) fn walk(header: &BatchHeader, records: &[u8]) -> Result<RecordFacts, BatchError> {
    let mut facts = RecordFacts {
        min_timestamp: i64::MAX,
        max_timestamp: i64::MIN,
        max_timestamp_offset_delta: 0,
        first_null_key: None,
        opened_bytes: records.len(),
    };
    let mut position = 0;
    for index in 0..header.count {
        let fail = |problem| BatchError::Record { index, problem };
        let record = parse_record(records, position, |_, _| {}).map_err(fail)?;
        if record.offset_delta != index {
            return Err(fail(RecordProblem::OffsetDelta(record.offset_delta)));
        }
        if record.key.is_none() {
            facts.first_null_key.get_or_insert(index);
        }
        let timestamp = timestamp(header, record.timestamp_delta).map_err(fail)?;
        facts.min_timestamp = facts.min_timestamp.min(timestamp);
        if timestamp > facts.max_timestamp {
            facts.max_timestamp = timestamp;
            facts.max_timestamp_offset_delta = index;
        }
        position = record.end;
    }
    match records.len() - position {
        0 => Ok(facts),
        left => Err(BatchError::TrailingBytes(left)),
    }
}

/// Kafka's own reader, and so every Java client, knows frames of independent blocks only: what it
/// cannot read must not be stored. Looks at the first five bytes, opens nothing.
fn check_lz4_frame(frame: &[u8]) -> Result<(), BatchError> {
    const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
    const VERSION: u8 = 0b1100_0000;
    const INDEPENDENT: u8 = 0b0010_0000;
    let refuse = |message: &str| {
        Err(BatchError::Compression {
            codec: Codec::Lz4.name(),
            message: message.to_owned(),
        })
    };
    match frame {
        [a, b, c, d, flags, ..] if [*a, *b, *c, *d] == MAGIC => {
            if flags & VERSION != 0b0100_0000 {
                refuse("the frame has an unknown version")
            } else if flags & INDEPENDENT == 0 {
                refuse("blocks that depend on each other are not supported")
            } else {
                Ok(())
            }
        }
        _ => refuse("no frame"),
    }
}
