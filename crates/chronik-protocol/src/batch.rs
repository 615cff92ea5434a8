//! Record batches, format v2: the unit that producers send, logs store and consumers fetch.
//!
//! ```text
//!  0 base offset         i64    27 base timestamp   i64
//!  8 length from here on i32    35 max timestamp    i64
//! 12 leader epoch        i32    43 producer id      i64
//! 16 magic = 2           i8     51 producer epoch   i16
//! 17 CRC-32C of the rest u32    53 base sequence    i32
//! 21 attributes          i16    57 count of records i32
//! 23 last offset delta   i32    61 records
//! ```
//! Attributes: bits 0-2 codec, 3 log append time, 4 transactional, 5 control, 6 base timestamp
//! is the delete horizon. A broker changes only bytes 0 to 15, and with log append time the
//! attributes and the max timestamp.
//!
//! Keeps I14. Absent: magic 0 and 1, and what depends on a topic's configuration.

mod builder;
mod error;
mod header;
mod recompress;
mod record;
mod retain;
mod validate;

pub use builder::{BatchBuilder, ProducerStamp};
pub use error::{BatchError, RecordProblem};
pub use header::{
    BatchHeader, BatchIter, TimestampType, rewrite_base_offset_and_epoch, set_log_append_time,
    set_max_timestamp,
};
pub use recompress::recompress;
pub use record::{Record, RecordHeader, RecordIter};
pub use retain::{OpenBatch, StoredRecord, without_records};
pub use validate::{BatchInfo, BatchLimits, RecordFacts, inspect_records, validate};

/// CRC-32C, by the processor's own instruction where it has one.
fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

#[cfg(test)]
mod tests;
