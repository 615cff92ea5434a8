//! Partition logs in Kafka's file formats, and the node's journal that makes them durable.
//!
//! A batch goes: segment (page cache) → journal window → one `fdatasync` for the whole window →
//! durable end moves → listener. [`LogManager`] owns the journal and all logs of a data
//! directory; [`PartitionLog`] is one partition. [`inspect`] reads a stopped directory.
//!
//! Keeps I1 (nothing acknowledged is lost), I7 (each sequence once) and I13 (a torn tail is cut, a
//! hole is reported). File formats: `docs/format.md`.
//! Absent: replication and high watermarks, transactions' indexes.

mod batch;
mod config;
mod epochs;
mod error;
mod index;
pub mod inspect;
mod journal;
mod log;
mod manager;
mod producers;
mod shared;
mod stats;

pub use config::{LogConfig, LogManagerOptions, TimestampType};
pub use error::{AppendError, FileError, LogError, OpenError, ReadError};
pub use journal::scan::JournalHole;
pub use log::{
    AppendAsLeader, Appended, Compaction, CompactionRun, LogOffsets, LogRead, Loss, PartitionKey,
    PartitionLog, SegmentInfo,
};
pub use manager::{DurableListener, LogManager, Progress, RecoveryReport, StableOffsets};
pub use producers::ActiveProducer;
pub use stats::{LogStats, SYNC_MICROS_BOUNDS};
