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
    /// Whether `cleanup.policy` contains `compact`.
    pub cleanup_compact: bool,
    /// `min.cleanable.dirty.ratio`, in millionths.
    pub min_cleanable_dirty_millionths: u32,
    /// `min.compaction.lag.ms`: a segment with a younger record is left alone.
    pub min_compaction_lag_ms: u64,
    /// `max.compaction.lag.ms`: an older record is compacted whatever the ratio; `None` waits for
    /// the ratio.
    pub max_compaction_lag_ms: Option<u64>,
    /// `delete.retention.ms`: how long a tombstone is kept after compaction has met it.
    pub delete_retention_ms: u64,
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
            cleanup_compact: false,
            min_cleanable_dirty_millionths: 500_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: None,
            delete_retention_ms: 24 * 3_600_000,
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
    /// Whether the cleaner runs by itself; else only when [`crate::LogManager::clean`] asks.
    pub cleaner_enable: bool,
    /// `log.cleaner.dedupe.buffer.size`: bytes of the map of keys at most, taken only while a log
    /// is compacted; half as much again for a moment while the map grows.
    pub cleaner_dedupe_bytes: usize,
    /// `log.cleaner.backoff.ms`: how long the cleaner waits where something is held back by time.
    pub cleaner_backoff: Duration,
    /// `log.cleaner.io.max.bytes.per.second`, read and written together; `None` is unbounded.
    pub cleaner_bytes_per_second: Option<u64>,
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
            cleaner_enable: true,
            cleaner_dedupe_bytes: 16 << 20,
            cleaner_backoff: Duration::from_secs(15),
            cleaner_bytes_per_second: Some(64 << 20),
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
