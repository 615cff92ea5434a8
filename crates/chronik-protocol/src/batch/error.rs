//! What can be wrong with a batch, and with a record in it.

use std::fmt;

/// Why bytes are not the batch they should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BatchError {
    /// The buffer ends within the batch. Nothing at all counts as this too.
    Truncated {
        /// Bytes the batch takes, as far as is known.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// Bytes follow the first batch: another one, or garbage.
    MoreThanOneBatch {
        /// Bytes of the first.
        size: usize,
        /// Bytes there are.
        buffer: usize,
    },
    /// Larger than the caller allows.
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Magic 0 or 1: a format before Kafka 0.11.
    OldMagic(i8),
    /// A magic that does not exist.
    UnknownMagic(i8),
    /// A length that cannot hold a header.
    Length(i32),
    /// The CRC does not fit the bytes.
    Crc {
        /// As stored.
        stored: u32,
        /// As it should be.
        computed: u32,
    },
    /// A codec that does not exist.
    Codec(u8),
    /// The count is not 1 to the limit, or not the last offset delta plus one.
    Count {
        /// Records, as claimed.
        count: i32,
        /// Offset of the last record, from the base offset.
        last_offset_delta: i32,
    },
    /// A producer id without a sequence number.
    BaseSequence {
        /// The producer.
        producer_id: i64,
        /// The sequence number, below zero.
        base_sequence: i32,
    },
    /// A record is malformed.
    Record {
        /// Which, from 0.
        index: i32,
        /// How.
        problem: RecordProblem,
    },
    /// Bytes follow the last record.
    TrailingBytes(usize),
    /// The compressed records are malformed, in the codec's own words.
    Compression {
        /// The codec's name.
        codec: &'static str,
        /// What it said.
        message: String,
    },
    /// The compressed records are larger than the caller's budget.
    OverBudget {
        /// The budget in bytes.
        budget: usize,
    },
    /// A batch was to be built without records.
    Empty,
}

/// What is wrong with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordProblem {
    /// The records end within it.
    Truncated,
    /// A varint is too large for its type.
    VarintOverflow,
    /// A length is below -1, or -1 where null is not legal, or leads out of the record.
    Length(i32),
    /// The record's length leaves bytes over.
    Trailing(usize),
    /// The offset delta is not the record's index.
    OffsetDelta(i32),
    /// The timestamp does not fit 64 bits.
    Timestamp,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, left } => {
                write!(f, "batch needs {needed} bytes, {left} are left")
            }
            Self::MoreThanOneBatch { size, buffer } => {
                write!(
                    f,
                    "batch of {size} bytes in {buffer}: exactly one is expected"
                )
            }
            Self::TooLarge { size, max } => {
                write!(f, "batch of {size} bytes, the limit is {max}")
            }
            Self::OldMagic(magic) => write!(f, "batch has the old magic {magic}"),
            Self::UnknownMagic(magic) => write!(f, "batch has the unknown magic {magic}"),
            Self::Length(length) => write!(f, "batch has the length {length}"),
            Self::Crc { stored, computed } => {
                write!(
                    f,
                    "batch has the crc {stored:08x}, its bytes {computed:08x}"
                )
            }
            Self::Codec(codec) => write!(f, "batch has the unknown codec {codec}"),
            Self::Count {
                count,
                last_offset_delta,
            } => write!(
                f,
                "batch of {count} records with a last offset delta of {last_offset_delta}"
            ),
            Self::BaseSequence {
                producer_id,
                base_sequence,
            } => write!(
                f,
                "batch of producer {producer_id} has the base sequence {base_sequence}"
            ),
            Self::Record { index, problem } => write!(f, "record {index} {problem}"),
            Self::TrailingBytes(left) => write!(f, "{left} bytes after the last record"),
            Self::Compression { codec, message } => write!(f, "malformed {codec}: {message}"),
            Self::OverBudget { budget } => {
                write!(f, "records take more than {budget} bytes uncompressed")
            }
            Self::Empty => f.write_str("a batch has at least one record"),
        }
    }
}

impl std::error::Error for BatchError {}

impl fmt::Display for RecordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("is cut off"),
            Self::VarintOverflow => f.write_str("has a varint that does not fit"),
            Self::Length(length) => write!(f, "has the invalid length {length}"),
            Self::Trailing(left) => write!(f, "has {left} bytes too many"),
            Self::OffsetDelta(delta) => write!(f, "has the offset delta {delta}"),
            Self::Timestamp => f.write_str("has a timestamp that does not fit"),
        }
    }
}
