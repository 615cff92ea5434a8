//! The log of one partition: segments, indexes, epochs, producers, and its place in the journal.
//!
//! A struct behind a short synchronous lock. Invariants, checked by `State::check_invariants`:
//! log start <= durable end <= log end; segments are ordered and the last one is appended to;
//! operation numbers given out under the lock enter the queue in their order.
//! Keeps I1 (the durable end moves only after a sync) and I7 (with [`crate::producers`]).
//! Absent: high watermark and replication, which the callers keep.
//!
//! - `append`: leaders' and followers' batches. - `read`: ranges. - `time`: by timestamp.
//! - `change`: truncate, reset, log start, class, delete. - `checkpoint`: syncing and covering.
//! - `recover`: from the files and the journal. - `retention`: what may go. - `compact`: the last
//!   record of each key stays.

mod append;
mod change;
mod checkpoint;
mod compact;
mod read;
mod recover;
mod retention;
mod segment;
mod time;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronik_types::{
    Durability, LeaderEpoch, Offset, PartitionId, TopicId, TopicName, TopicPartition,
};

pub use append::{AppendAsLeader, Appended};
use compact::Cleaning;
pub(crate) use compact::{CleanError, Cleanability, LastBatches, decode_cleaned, finish_swaps};
pub use compact::{Compaction, CompactionRun};
pub use read::LogRead;
pub use recover::Loss;
pub(crate) use recover::{Failed, Found, dir_name_of, is_partition_dir};
use segment::Segment;
pub use segment::SegmentInfo;

use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::error::FileError;
use crate::journal::queue::Entry;
use crate::journal::record::{LogId, Record, RecoveryPoint, State as JournalState};
use crate::producers::{ActiveProducer, Producers};
use crate::shared::Shared;

/// Which partition a log is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionKey {
    /// The topic's name, which also names the directory.
    pub topic: TopicName,
    /// The topic's identity.
    pub topic_id: TopicId,
    /// The partition's number.
    pub partition: PartitionId,
}

impl PartitionKey {
    /// The partition by its topic's name.
    #[must_use]
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.clone(),
            partition: self.partition,
        }
    }
}

/// The three positions everybody asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogOffsets {
    /// The first offset that may be read.
    pub log_start: Offset,
    /// Exclusive: everything below keeps its class's promise on this node.
    pub durable_end: Offset,
    /// Exclusive: where the next record goes.
    pub log_end: Offset,
}

/// One partition's log. Shared as `Arc`; every method takes its short lock.
#[derive(Debug)]
pub struct PartitionLog {
    key: PartitionKey,
    dir_name: String,
    dir: PathBuf,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Held while a compaction renames files: truncations and resets wait for its end.
    rewriting: tokio::sync::Mutex<()>,
    /// The greatest operation number the journal writer has put into a frame.
    written: AtomicU64,
}

/// Why nothing may be appended right now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gate {
    Open,
    /// Truncating, resetting, switching class, or waiting for a directory of the same name.
    Busy,
    Deleted,
    Offline,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    /// Whether the journal knows of it.
    created: bool,
    class: Durability,
    config: LogConfig,
    segments: VecDeque<Segment>,
    log_start: Offset,
    /// The start as the journal has it: never ahead of the operations in front of it.
    journaled_start: Offset,
    durable_end: Offset,
    log_end: Offset,
    epochs: LeaderEpochs,
    epochs_dirty: bool,
    producers: Producers,
    /// The greatest operation number given out.
    assigned: u64,
    /// A truncation or reset whose record is not durable yet.
    pending: Option<u64>,
    /// Operations up to this one need no redo.
    covered: u64,
    recovery_point: RecoveryPoint,
    /// The segment of the recovery point that the journal is known to have.
    journaled_segment: Option<Offset>,
    /// Journaled operations that are not covered: file sequence and the last number in it.
    uncovered: VecDeque<(u64, u64)>,
    listed_dirty: bool,
    /// Changes whenever bytes that were readable may have changed.
    generation: u64,
    /// Changes whenever a compaction has replaced segments.
    rewrites: u64,
    /// A compaction is replacing segments: none may go meanwhile.
    swapping: bool,
    /// Compaction has been below this offset.
    cleaned: Offset,
    /// The lowest offset that a truncation went to since a compaction began.
    lowest_cut: Option<Offset>,
    cleaning: Cleaning,
    /// Whether nothing of others can be in the directory.
    dir_is_own: bool,
    /// Whether the directory and its `partition.metadata` are there.
    dir_made: bool,
    /// Whether names in the directory changed since its last sync.
    names_dirty: bool,
    /// Log end when a producer snapshot was last written.
    snapshot_at: Option<Offset>,
    /// Bytes appended since indexes and producer snapshot were last written for a checkpoint.
    since_index_sync: u64,
    /// Where recent appends begin: log end and node-wide appended bytes, at intervals.
    recent: VecDeque<(Offset, u64)>,
    /// Random, fixed per log: 0..2^16 parts of `segment.jitter.ms`.
    jitter: u16,
}

impl PartitionLog {
    /// A log without any data.
    pub(crate) fn new(
        shared: Arc<Shared>,
        key: PartitionKey,
        class: Durability,
        config: LogConfig,
    ) -> Self {
        let dir_name = dir_name_of(&key.topic, key.partition);
        let jitter = (shared.env.rng.next_u64() & 0xffff) as u16;
        Self {
            dir: shared.layout.partition(&dir_name),
            dir_name,
            key,
            state: Mutex::new(State {
                gate: Gate::Open,
                created: false,
                class,
                config,
                segments: VecDeque::new(),
                log_start: Offset::ZERO,
                journaled_start: Offset::ZERO,
                durable_end: Offset::ZERO,
                log_end: Offset::ZERO,
                epochs: LeaderEpochs::default(),
                epochs_dirty: false,
                producers: Producers::default(),
                assigned: 0,
                pending: None,
                covered: 0,
                recovery_point: RecoveryPoint {
                    offset: Offset::ZERO,
                    segment: None,
                    position: 0,
                },
                journaled_segment: None,
                uncovered: VecDeque::new(),
                listed_dirty: false,
                generation: 0,
                rewrites: 0,
                swapping: false,
                cleaned: Offset::ZERO,
                lowest_cut: None,
                cleaning: Cleaning::default(),
                dir_is_own: false,
                dir_made: false,
                names_dirty: false,
                snapshot_at: None,
                since_index_sync: 0,
                recent: VecDeque::new(),
                jitter,
            }),
            shared,
            rewriting: tokio::sync::Mutex::default(),
            written: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which partition it is of.
    #[must_use]
    pub fn key(&self) -> &PartitionKey {
        &self.key
    }

    pub(crate) fn id(&self) -> LogId {
        LogId {
            topic_id: self.key.topic_id,
            partition: self.key.partition,
        }
    }

    pub(crate) fn dir_name(&self) -> &str {
        &self.dir_name
    }

    /// Log start, durable end and log end, at one moment.
    #[must_use]
    pub fn offsets(&self) -> LogOffsets {
        let state = self.lock();
        LogOffsets {
            log_start: state.log_start,
            durable_end: state.durable_end,
            log_end: state.log_end,
        }
    }

    /// Waits until everything below `upto` (exclusive) is durable, or the log is deleted. The
    /// server uses the listener; this is for tools and tests.
    pub async fn durable(&self, upto: Offset) {
        loop {
            let offsets = self.offsets();
            // A truncation may take away what was waited for.
            if offsets.durable_end >= upto.min(offsets.log_end) || self.is_deleted() {
                return;
            }
            self.shared.queue.flush().await;
        }
    }

    /// The durability class in force.
    #[must_use]
    pub fn class(&self) -> Durability {
        self.lock().class
    }

    /// Whether recovery found it damaged.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.lock().gate == Gate::Offline
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.lock().gate == Gate::Deleted
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> LogConfig {
        self.lock().config.clone()
    }

    /// Changes the settings, from the next append on.
    pub fn set_config(self: &Arc<Self>, config: LogConfig) {
        let compact = config.cleanup_compact;
        self.lock().config = config;
        if compact {
            self.shared.consider_cleaning(self);
        }
    }

    /// The newest leader epoch.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.lock().epochs.latest()
    }

    /// The largest epoch not above `epoch` and its end offset (exclusive), as
    /// OffsetForLeaderEpoch answers it.
    #[must_use]
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let state = self.lock();
        state.epochs.end_of(epoch, state.log_end)
    }

    /// The leader epoch the record at `offset` was written in.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.lock().epochs.epoch_at(offset)
    }

    /// All leader epochs with their start offsets.
    #[must_use]
    pub fn epochs(&self) -> Vec<(LeaderEpoch, Offset)> {
        self.lock().epochs.entries().to_vec()
    }

    /// Idempotent producers with state.
    #[must_use]
    pub fn producers(&self) -> Vec<ActiveProducer> {
        self.lock().producers.describe()
    }

    /// The first offset of the oldest open transaction, if there is one.
    #[must_use]
    pub fn first_open_transaction(&self) -> Option<Offset> {
        self.lock().producers.first_open_transaction()
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.lock()
            .segments
            .iter()
            .map(|segment| segment.size)
            .sum()
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.lock().segments.iter().map(Segment::info).collect()
    }

    /// Whether the record at `offset` was appended so recently that its bytes are in the page
    /// cache, so that a runtime worker may read from there without blocking.
    #[must_use]
    pub fn is_recent(&self, offset: Offset) -> bool {
        let state = self.lock();
        let now = self.shared.appended.load(Ordering::Relaxed);
        let oldest = now.saturating_sub(self.shared.options.recent_bytes);
        let first = state.recent.iter().find(|mark| mark.1 >= oldest);
        offset >= state.log_end || first.is_some_and(|mark| mark.0 <= offset)
    }

    /// What a checkpoint record says now.
    pub(crate) fn state_record(&self) -> Record {
        let state = self.lock();
        Record::State(self.journal_state(&state))
    }

    fn journal_state(&self, state: &State) -> JournalState {
        JournalState {
            name: self.key.topic.clone(),
            class: state.class,
            offline: state.gate == Gate::Offline,
            covered: state.covered,
            journaled: self.written.load(Ordering::Relaxed),
            recovery_point: state.recovery_point,
            log_start: state.journaled_start,
        }
    }

    /// The journal writer is about to put a record into a frame.
    pub(crate) fn note_written(&self, operation: u64, record: &mut Record) {
        let written = self
            .written
            .fetch_max(operation, Ordering::Relaxed)
            .max(operation);
        if let Record::State(state) = record {
            state.journaled = written;
        }
    }

    /// A record of this log is durable in the journal file `sequence`: does what had to wait for
    /// that. Returns the durable end if it moved forward.
    pub(crate) fn journaled(
        self: &Arc<Self>,
        operation: u64,
        record: &Record,
        sequence: u64,
    ) -> Result<Option<Offset>, FileError> {
        let mut state = self.lock();
        if operation > state.covered {
            match state.uncovered.back_mut() {
                Some(last) if last.0 == sequence => last.1 = operation,
                _ => state.uncovered.push_back((sequence, operation)),
            }
            self.list_dirty(&mut state);
        }
        let before = state.durable_end;
        match record {
            Record::Append { batches, .. } => {
                let last = batches.iter().last();
                let end = last.map_or(before, |(header, _)| header.next_offset());
                state.durable_end = before.max(end);
            }
            Record::Truncate { to } => self.apply_truncate(&mut state, *to)?,
            Record::Reset { start } => self.apply_reset(&mut state, *start)?,
            Record::LogStart { start } => {
                state.journaled_start = state.journaled_start.max(*start);
                self.apply_log_start(&mut state, *start)?;
            }
            Record::State(journaled) => {
                state.journaled_segment = journaled.recovery_point.segment;
            }
            Record::Delete { .. } => self.apply_delete(&mut state)?,
            Record::Create { .. } => state.created = true,
            Record::Epoch { .. } => {}
        }
        state.check_invariants();
        Ok((state.durable_end > before).then_some(state.durable_end))
    }

    fn list_dirty(self: &Arc<Self>, state: &mut State) {
        if !state.listed_dirty {
            state.listed_dirty = true;
            self.shared.add_dirty(self);
        }
    }

    /// Queues an operation under the next number. False once the journal is closed.
    fn enqueue(
        self: &Arc<Self>,
        state: &mut State,
        record: Record,
        done: Option<tokio::sync::oneshot::Sender<()>>,
    ) -> bool {
        state.assigned += 1;
        self.list_dirty(state);
        self.shared.queue.push(Entry {
            log: Arc::clone(self),
            operation: state.assigned,
            record,
            done,
            index: 0,
        })
    }

    /// Queues a record without a number.
    fn enqueue_unnumbered(
        self: &Arc<Self>,
        record: Record,
        done: Option<tokio::sync::oneshot::Sender<()>>,
    ) -> bool {
        self.shared.queue.push(Entry {
            log: Arc::clone(self),
            operation: 0,
            record,
            done,
            index: 0,
        })
    }

    /// Queues the record that says the log exists.
    pub(crate) fn enqueue_create(self: &Arc<Self>) -> bool {
        let class = self.class();
        let name = self.key.topic.clone();
        self.enqueue_unnumbered(Record::Create { name, class }, None)
    }
}

impl State {
    /// Changes whenever what a reader has found may be there no more.
    fn generations(&self) -> (u64, u64) {
        (self.generation, self.rewrites)
    }

    fn active(&mut self) -> Option<&mut Segment> {
        self.segments.back_mut()
    }

    /// The segment that holds `offset`, or would.
    fn segment_of(&self, offset: Offset) -> Option<usize> {
        self.segments
            .partition_point(|segment| segment.base <= offset)
            .checked_sub(1)
    }

    /// Whether a segment that ends where `next` begins lies wholly below the recovery point, as
    /// it is and as a restart would find it.
    fn is_below_recovery_point(&self, next: Offset) -> bool {
        let below = |segment: Option<Offset>| segment.is_some_and(|segment| next <= segment);
        below(self.recovery_point.segment) && below(self.journaled_segment)
    }

    fn check_invariants(&self) {
        debug_assert!(self.durable_end <= self.log_end, "durable beyond the end");
        debug_assert!(self.log_start <= self.log_end, "start beyond the end");
        debug_assert!(self.covered <= self.assigned, "covered what never was");
        debug_assert!(
            self.segments
                .back()
                .is_none_or(|active| active.base <= self.log_end),
            "the active segment begins beyond the end"
        );
    }
}
