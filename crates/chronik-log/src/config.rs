//! Settings: of a partition's log (Kafka's topic configs) and of the node's log manager.

use std::path::PathBuf;
use std::time::Duration;

/// Topic settings the log itself obeys, under Kafka's names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.ms`.
    pub segment_ms: u64,
    /// `segment.jitter.ms`: the most by which a roll by age comes early.
    pub segment_jitter_ms: u64,
    /// `segment.index.bytes`: when an index would outgrow this the segment is rolled.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: bytes of log between two index entries.
    pub index_interval_bytes: u64,
    /// `retention.ms`; `None` keeps for ever.
    pub retention_ms: Option<u64>,
    /// `retention.bytes`; `None` is unbounded.
    pub retention_bytes: Option<u64>,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// Whether `cleanup.policy` contains `delete`.
    pub cleanup_delete: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            timestamp_type: TimestampType::CreateTime,
            cleanup_delete: true,
        }
    }
}

/// Whose clock a batch's timestamps come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}

/// Settings of a [`crate::LogManager`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogManagerOptions {
    /// Bytes of the first journal file of a new directory, small so that it is there at once.
    pub journal_first_file_bytes: u64,
    /// Bytes of every further journal file.
    pub journal_file_bytes: u64,
    /// The most journal files; at least 2.
    pub journal_files_max: usize,
    /// The most payload bytes of one journal frame (a record larger than this has its own frame).
    pub journal_frame_bytes_max: usize,
    /// Journaled bytes after which a checkpoint begins.
    pub checkpoint_bytes: u64,
    /// Bytes waiting for the journal beyond which [`crate::LogManager::room`] waits.
    pub pending_bytes_max: u64,
    /// Without work for this long, a frame is written that covers the last window.
    pub idle_cover: Duration,
    /// The most log files kept open beyond those that must be.
    pub open_files_max: usize,
    /// Bytes appended to the whole node within which an append counts as recent (resident).
    pub recent_bytes: u64,
    /// Bytes of log after which a checkpoint also writes indexes and a producer snapshot.
    pub index_sync_bytes: u64,
    /// Steps in which a file is truncated before it is unlinked.
    pub delete_step_bytes: u64,
    /// `producer.id.expiration.ms`.
    pub producer_expiration_ms: u64,
}

impl Default for LogManagerOptions {
    fn default() -> Self {
        Self {
            journal_first_file_bytes: 16 << 20,
            journal_file_bytes: 128 << 20,
            journal_files_max: 4,
            journal_frame_bytes_max: 4 << 20,
            checkpoint_bytes: 64 << 20,
            pending_bytes_max: 64 << 20,
            idle_cover: Duration::from_millis(100),
            open_files_max: 4096,
            recent_bytes: 64 << 20,
            index_sync_bytes: 8 << 20,
            delete_step_bytes: 16 << 20,
            producer_expiration_ms: 24 * 3_600_000,
        }
    }
}

/// Where the log manager keeps its things below the data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn partition(&self, dir_name: &str) -> PathBuf {
        self.root.join(dir_name)
    }
}
