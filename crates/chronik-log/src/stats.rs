//! Counters of journal, checkpoint and cleaner. Absent: names and labels of metrics, which the server gives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the sync-latency buckets, in microseconds; a last bucket has no bound.
pub const SYNC_MICROS_BOUNDS: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
];

/// What is counted while running.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    windows: AtomicU64,
    records: AtomicU64,
    journal_bytes: AtomicU64,
    sync_micros: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_MICROS_BOUNDS.len() + 1],
    pub(crate) journal_waits: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoint_syncs: AtomicU64,
    pub(crate) files_recycled: AtomicU64,
    pub(crate) cleaner_runs: AtomicU64,
    pub(crate) cleaner_read_bytes: AtomicU64,
    pub(crate) cleaner_written_bytes: AtomicU64,
    pub(crate) cleaner_records_dropped: AtomicU64,
    pub(crate) cleaner_last_ms: AtomicU64,
}

/// Counters since the start, and what is in use now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogStats {
    /// Commits of the journal, each with one sync.
    pub windows: u64,
    /// Operations in them.
    pub records: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Microseconds spent in commits.
    pub sync_micros: u64,
    /// Commits per bucket of [`SYNC_MICROS_BOUNDS`], and a last one for the rest.
    pub sync_buckets: Vec<u64>,
    /// Times the journal had to wait for a checkpoint to free a file.
    pub journal_waits: u64,
    /// Finished checkpoints.
    pub checkpoints: u64,
    /// Files they synced.
    pub checkpoint_syncs: u64,
    /// Journal files used again.
    pub files_recycled: u64,
    /// Compactions of a log that ended well.
    pub cleaner_runs: u64,
    /// Bytes they read, in all their passes.
    pub cleaner_read_bytes: u64,
    /// Bytes they wrote.
    pub cleaner_written_bytes: u64,
    /// Records they dropped.
    pub cleaner_records_dropped: u64,
    /// Milliseconds that the last one took.
    pub cleaner_last_ms: u64,
    /// Logs that are not compacted any more, because a segment was found damaged.
    pub cleaner_uncleanable: usize,
    /// Dirty bytes in percent of the dirtiest compacted log.
    pub cleaner_dirty_percent_max: u64,
    /// Journaled bytes since the last checkpoint began.
    pub checkpoint_lag_bytes: u64,
    /// Bytes waiting for the journal.
    pub pending_bytes: u64,
    /// Journal files with operations that may be needed.
    pub journal_files_live: usize,
    /// Journal files ready for use.
    pub journal_files_free: usize,
    /// Bytes of all journal files.
    pub journal_files_bytes: u64,
    /// Bytes appended to all logs.
    pub appended_bytes: u64,
    /// Logs with something a checkpoint must do.
    pub dirty_logs: usize,
}

impl Counters {
    pub(crate) fn window(&self, bytes: u64, records: u64, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.windows.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.journal_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.sync_micros.fetch_add(micros, Ordering::Relaxed);
        let bucket = SYNC_MICROS_BOUNDS.partition_point(|bound| *bound < micros);
        self.sync_buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> LogStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogStats {
            windows: get(&self.windows),
            records: get(&self.records),
            journal_bytes: get(&self.journal_bytes),
            sync_micros: get(&self.sync_micros),
            sync_buckets: self.sync_buckets.iter().map(get).collect(),
            journal_waits: get(&self.journal_waits),
            checkpoints: get(&self.checkpoints),
            checkpoint_syncs: get(&self.checkpoint_syncs),
            files_recycled: get(&self.files_recycled),
            cleaner_runs: get(&self.cleaner_runs),
            cleaner_read_bytes: get(&self.cleaner_read_bytes),
            cleaner_written_bytes: get(&self.cleaner_written_bytes),
            cleaner_records_dropped: get(&self.cleaner_records_dropped),
            cleaner_last_ms: get(&self.cleaner_last_ms),
            ..LogStats::default()
        }
    }
}
