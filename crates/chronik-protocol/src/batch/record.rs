//! The records of a batch: one parser for those who check and those who read.
//!
//! A record is its length, attributes (unused), timestamp delta, offset delta, key, value and
//! headers; all integers but the attributes are zigzag varints, a length of -1 is null.
//! Keeps I14: a compressed batch is opened up to a budget, all else are slices of the input.

use std::ops::Range;

use bytes::Bytes;

use super::header::RECORDS_AT;
use super::{BatchError, BatchHeader, RecordProblem, TimestampType};
use crate::Codec;
use crate::compression::{self, Failure};
use crate::varint::{self, VarintError};

/// A record. Its bytes are slices of the batch, or of its uncompressed records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Where it stands in the log.
    pub offset: i64,
    /// In ms since 1970.
    pub timestamp: i64,
    /// What compaction and partitioning go by.
    pub key: Option<Bytes>,
    /// The payload; null is a tombstone where the topic is compacted.
    pub value: Option<Bytes>,
    /// In the producer's order; keys may repeat. Two bytes of the batch can make one, about 70
    /// bytes in memory: read a stranger's records one at a time.
    pub headers: Vec<RecordHeader>,
}

/// A header of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// UTF-8 by convention; not checked.
    pub key: Bytes,
    /// Any bytes.
    pub value: Option<Bytes>,
}

/// Where the parts of a record are.
pub(super) struct RawRecord {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<Range<usize>>,
    pub(super) value: Option<Range<usize>>,
    /// Where the next record starts.
    pub(super) end: usize,
}

/// Reads the record at `start` and calls `header` for each of its headers.
pub(super) fn parse_record(
    records: &[u8],
    start: usize,
    mut header: impl FnMut(Range<usize>, Option<Range<usize>>),
) -> Result<RawRecord, RecordProblem> {
    let mut outer = Cursor {
        bytes: records,
        at: start,
    };
    let length = outer.int()?;
    let end = usize::try_from(length)
        .map(|length| outer.at.saturating_add(length))
        .map_err(|_| RecordProblem::Length(length))?;
    let body = records.get(..end).ok_or(RecordProblem::Truncated)?;
    let mut c = Cursor {
        bytes: body,
        at: outer.at,
    };
    c.skip(1)?;
    let timestamp_delta = c.long()?;
    let offset_delta = c.int()?;
    let key = c.nullable()?;
    let value = c.nullable()?;
    let count = c.int()?;
    if count < 0 {
        return Err(RecordProblem::Length(count));
    }
    // A header takes two bytes at least, so a lie ends with the record.
    for _ in 0..count {
        let key = c.nullable()?.ok_or(RecordProblem::Length(-1))?;
        let value = c.nullable()?;
        header(key, value);
    }
    if c.at != end {
        return Err(RecordProblem::Trailing(end - c.at));
    }
    Ok(RawRecord {
        timestamp_delta,
        offset_delta,
        key,
        value,
        end,
    })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline]
    fn int(&mut self) -> Result<i32, RecordProblem> {
        let (value, used) = varint::read_i32(&self.bytes[self.at..])?;
        self.at += used;
        Ok(value)
    }

    #[inline]
    fn long(&mut self) -> Result<i64, RecordProblem> {
        let (value, used) = varint::read_i64(&self.bytes[self.at..])?;
        self.at += used;
        Ok(value)
    }

    #[inline]
    fn nullable(&mut self) -> Result<Option<Range<usize>>, RecordProblem> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| RecordProblem::Length(length))?;
        let start = self.at;
        self.skip(length)?;
        Ok(Some(start..self.at))
    }

    #[inline]
    fn skip(&mut self, count: usize) -> Result<(), RecordProblem> {
        if count > self.bytes.len() - self.at {
            return Err(RecordProblem::Truncated);
        }
        self.at += count;
        Ok(())
    }
}

impl From<VarintError> for RecordProblem {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::Overflow => Self::VarintOverflow,
        }
    }
}

/// The records of one batch, in order; ends after the first error.
#[derive(Debug)]
pub struct RecordIter {
    header: BatchHeader,
    /// Uncompressed.
    records: Bytes,
    position: usize,
    index: i32,
}

impl RecordIter {
    /// Opens the batch at the start of `batch`. Compressed records take at most `budget` bytes,
    /// or it fails with [`BatchError::OverBudget`]; uncompressed ones are not copied. The CRC is
    /// not checked, and a control batch is read like any other.
    pub fn new(batch: &Bytes, budget: usize) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(batch)?;
        let size = header.size();
        if size > batch.len() {
            return Err(BatchError::Truncated {
                needed: size,
                left: batch.len(),
            });
        }
        let records = batch.slice(RECORDS_AT..size);
        let codec = header.codec()?;
        let records = match codec {
            Codec::None => records,
            _ => Bytes::from(open(codec, &records, budget)?),
        };
        Ok(Self {
            header,
            records,
            position: 0,
            index: 0,
        })
    }

    /// The batch's header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    fn read(&mut self) -> Result<Record, RecordProblem> {
        let records = &self.records;
        let mut headers = Vec::new();
        let raw = parse_record(records, self.position, |key, value| {
            headers.push(RecordHeader {
                key: records.slice(key),
                value: value.map(|value| records.slice(value)),
            });
        })?;
        self.position = raw.end;
        Ok(Record {
            offset: self
                .header
                .base_offset
                .wrapping_add(i64::from(raw.offset_delta)),
            timestamp: timestamp(&self.header, raw.timestamp_delta)?,
            key: raw.key.map(|key| records.slice(key)),
            value: raw.value.map(|value| records.slice(value)),
            headers,
        })
    }
}

impl Iterator for RecordIter {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        if index >= self.header.count {
            let left = self.records.len() - self.position;
            // Said once: afterwards nothing is left.
            self.position = self.records.len();
            return (index == self.header.count && left > 0)
                .then_some(Err(BatchError::TrailingBytes(left)));
        }
        self.index += 1;
        let record = self.read().map_err(|problem| {
            self.index = i32::MAX;
            BatchError::Record { index, problem }
        });
        Some(record)
    }
}

/// Uncompresses the records of a batch.
pub(super) fn open(codec: Codec, records: &[u8], budget: usize) -> Result<Vec<u8>, BatchError> {
    compression::decompress(codec, records, budget).map_err(|failure| match failure {
        Failure::OverBudget => BatchError::OverBudget { budget },
        Failure::Malformed(message) => BatchError::Compression {
            codec: codec.name(),
            message,
        },
    })
}

/// The time of a record, by the batch's type of timestamps.
pub(super) fn timestamp(header: &BatchHeader, delta: i64) -> Result<i64, RecordProblem> {
    match header.timestamp_type() {
        TimestampType::LogAppendTime => Ok(header.max_timestamp),
        TimestampType::CreateTime => header
            .base_timestamp
            .checked_add(delta)
            .ok_or(RecordProblem::Timestamp),
    }
}
