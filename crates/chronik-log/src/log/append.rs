//! Appending: place, check the producer, write to the segment, queue for the journal.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chronik_io::ExitCode;
use chronik_io::fs::OpenMode;
use chronik_types::{Durability, LeaderEpoch, Offset, Timestamp};

use super::segment::Segment;
use super::{Gate, PartitionLog, State};
use crate::batch::{Batches, Header, Place, headers};
use crate::config::TimestampType;
use crate::error::{AppendError, FileError};
use crate::index::open_if_there;
use crate::journal::record::Record;
use crate::producers::{Marker, Relation};

/// Bytes of log between two marks of what is recent.
const RECENT_STEP: u64 = 256 << 10;

/// A batch to append by the partition's leader.
#[derive(Debug)]
pub struct AppendAsLeader {
    /// Wall-clock time of the append.
    pub now: Timestamp,
    /// The epoch in which we lead.
    pub leader_epoch: LeaderEpoch,
    /// Exactly one batch of format v2, validated. What is stored has another base offset and
    /// leader epoch, and with `LogAppendTime` another timestamp.
    pub batch: Bytes,
}

/// Where a batch is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record. Durable once the durable end is greater.
    pub last_offset: Offset,
    /// The broker's timestamp, if the topic takes it.
    pub log_append_time: Option<Timestamp>,
    /// The log's start.
    pub log_start: Offset,
    /// Whether it was there already; its answer waits for the same durability.
    pub duplicate: bool,
}

/// What a directory says of its owner.
#[derive(Debug)]
pub(super) enum DirOwner {
    /// It is this log's.
    Own,
    /// Another topic's.
    Another,
    /// The file is there and says nothing.
    Torn,
    /// There is no such file.
    Unmarked,
}

impl DirOwner {
    /// Whether this log may do with the directory what it likes.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::Own | Self::Torn => true,
            Self::Another | Self::Unmarked => false,
        }
    }
}

impl PartitionLog {
    /// Appends a client's (or coordinator's) batch at the end of the log.
    ///
    /// Nothing is awaited: the batch is in the page cache and in the journal's next window. It is
    /// durable when the durable end has passed its last offset; with `quorum-memory` that is at
    /// once, and the listener is not told. After an error nothing of the batch is in the log.
    pub fn append(self: &Arc<Self>, append: AppendAsLeader) -> Result<Appended, AppendError> {
        let AppendAsLeader {
            now,
            leader_epoch,
            batch,
        } = append;
        let header = Header::parse(&batch)
            .filter(|header| header.size == batch.len())
            .ok_or(AppendError::Malformed)?;
        let mut state = self.lock();
        state.check_gate()?;
        if let Some(latest) = state
            .epochs
            .latest()
            .filter(|latest| *latest > leader_epoch)
        {
            return Err(AppendError::StaleLeaderEpoch { latest });
        }
        let max = state.config.segment_bytes;
        if batch.len() as u64 > max {
            return Err(AppendError::LargerThanSegment {
                bytes: batch.len() as u64,
                max,
            });
        }
        let log_start = state.log_start;
        let stamped = state.config.timestamp_type == TimestampType::LogAppendTime;
        if let Relation::Duplicate(mark) = state.producers.check(&header, log_start)? {
            return Ok(Appended {
                base_offset: mark.base_offset,
                last_offset: mark.last_offset,
                log_append_time: stamped.then(|| Timestamp::from_millis(mark.timestamp)),
                log_start,
                duplicate: true,
            });
        }
        let base_offset = state.log_end;
        let place = Place {
            base_offset,
            leader_epoch,
            stamp: stamped.then(|| now.as_millis()),
        };
        self.append_placed(&mut state, Batches::placed(&batch, place), now)?;
        Ok(Appended {
            base_offset,
            last_offset: base_offset.plus(i64::from(header.last_offset_delta)),
            log_append_time: stamped.then_some(now),
            log_start,
            duplicate: false,
        })
    }

    /// Appends consecutive batches exactly as a leader has them; they must start at our end (or
    /// beyond it, where the leader's log was compacted). Returns the new log end.
    pub fn append_as_follower(
        self: &Arc<Self>,
        now: Timestamp,
        batches: Bytes,
    ) -> Result<Offset, AppendError> {
        let mut state = self.lock();
        state.check_gate()?;
        let (mut end, mut bytes) = (state.log_end, 0);
        for (_, header) in headers(&batches) {
            if header.base_offset < end {
                return Err(AppendError::NotContiguous {
                    log_end: end,
                    base_offset: header.base_offset,
                });
            }
            end = header.next_offset();
            bytes += header.size;
        }
        if bytes != batches.len() {
            return Err(AppendError::Malformed);
        }
        if bytes > 0 {
            self.append_placed(&mut state, Batches::verbatim(batches), now)?;
        }
        Ok(state.log_end)
    }

    /// Starts a leader epoch at the log's end, so that its start is known before its first batch.
    pub fn start_epoch(self: &Arc<Self>, epoch: LeaderEpoch) {
        let mut state = self.lock();
        let start = state.log_end;
        if state.gate == Gate::Open && state.epochs.assign(epoch, start) {
            state.epochs_dirty = true;
            self.enqueue(&mut state, Record::Epoch { epoch, start }, None);
        }
    }

    fn append_placed(
        self: &Arc<Self>,
        state: &mut State,
        batches: Batches,
        now: Timestamp,
    ) -> Result<(), AppendError> {
        let segments = state.segments.len();
        self.check_descriptors(state)?;
        self.write_batches(state, &batches, now).map_err(|error| {
            if error.is_full() {
                return AppendError::Storage(error);
            }
            self.shared
                .env
                .exit
                .request(ExitCode::Storage, &error.to_string());
            AppendError::Fatal
        })?;
        if state.segments.len() > segments && state.config.cleanup_compact {
            self.shared.consider_cleaning(self);
        }
        match state.class {
            Durability::QuorumFsync => {
                let first = batches.iter().next();
                let base_offset = first.map_or(state.log_end, |(header, _)| header.base_offset);
                let record = Record::Append {
                    base_offset,
                    batches,
                };
                if !self.enqueue(state, record, None) {
                    return Err(AppendError::Closed);
                }
            }
            Durability::QuorumMemory => {
                state.durable_end = state.log_end;
                self.list_dirty(state);
            }
        }
        state.check_invariants();
        Ok(())
    }

    /// Files with unsynced bytes stay open, and a checkpoint needs descriptors to end that: beyond
    /// `open_files_max` an append opens none, as if there were no room.
    fn check_descriptors(&self, state: &mut State) -> Result<(), AppendError> {
        let shared = &*self.shared;
        let is_open = state.active().is_some_and(|active| active.is_open());
        if is_open || shared.open_files.load(Ordering::Relaxed) < shared.options.open_files_max {
            return Ok(());
        }
        shared.housekeeping.notify_one();
        let none = chronik_io::too_many_open_files();
        let error = FileError::new("open", &self.dir, none);
        Err(AppendError::Storage(error))
    }

    /// Writes whole batches to the active segment, rolling first where that is due, and takes
    /// note of them. After an error the log is as it was.
    pub(super) fn write_batches(
        &self,
        state: &mut State,
        batches: &Batches,
        now: Timestamp,
    ) -> Result<(), FileError> {
        let (mut first, mut last) = (None, None);
        for (header, _) in batches.iter() {
            first.get_or_insert(header);
            last = Some(header);
        }
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(());
        };
        self.make_dir(state)?;
        self.roll_if_due(state, &first, &last, batches.len() as u64, now)?;
        let shared = &*self.shared;
        let interval = state.config.index_interval_bytes;
        let active = state.active().expect("rolling has made a segment");
        active.write(shared, batches)?;
        for (header, records) in batches.iter() {
            let active = state.active().expect("it was there a line above");
            if let Err(error) = active.note(shared, &header, interval) {
                // The batches are whole; only an index entry is missing, and it is derived.
                tracing::warn!(%error, log = self.dir_name, "an index entry was not written");
            }
            let marker = Marker::parse(&header, records);
            state.producers.note(&header, marker, now.as_millis());
            if state.epochs.assign(header.leader_epoch, header.base_offset) {
                state.epochs_dirty = true;
            }
        }
        let bytes = batches.len() as u64;
        self.note_recent(state, first.base_offset, bytes);
        state.since_index_sync += bytes;
        state.log_end = last.next_offset();
        Ok(())
    }

    fn note_recent(&self, state: &mut State, offset: Offset, bytes: u64) {
        let before = self.shared.appended.fetch_add(bytes, Ordering::Relaxed);
        let oldest = before.saturating_sub(self.shared.options.recent_bytes);
        while state.recent.front().is_some_and(|mark| mark.1 < oldest) {
            state.recent.pop_front();
        }
        if state
            .recent
            .back()
            .is_none_or(|mark| mark.1 + RECENT_STEP <= before)
        {
            state.recent.push_back((offset, before));
        }
    }

    /// Makes the directory and `partition.metadata` before the first file.
    pub(super) fn make_dir(&self, state: &mut State) -> Result<(), FileError> {
        if state.dir_made {
            return Ok(());
        }
        let disk = &*self.shared.env.disk;
        if !state.dir_is_own {
            self.set_leftover_aside()?;
            state.dir_is_own = true;
        }
        disk.create_dir_all(&self.dir)
            .map_err(|e| FileError::new("create", &self.dir, e))?;
        let path = self.dir.join("partition.metadata");
        let failed = |e| FileError::new("write", &path, e);
        let file = disk.open(&path, OpenMode::CreateOrOpen).map_err(failed)?;
        let text = format!("version: 0\ntopic_id: {}\n", self.key.topic_id);
        file.set_len(0).map_err(failed)?;
        file.write_at(&[Bytes::from(text)], 0).map_err(failed)?;
        state.dir_made = true;
        state.names_dirty = true;
        Ok(())
    }

    /// A directory of our name from before: what is left of a creation that never became durable
    /// goes; what says it is another topic's is kept for the operator, as Kafka does.
    fn set_leftover_aside(&self) -> Result<(), FileError> {
        // A file without an owner was torn by the crash; no file at all is not our way.
        if self.dir_owner()?.is_ours() {
            return self.shared.rename_for_deletion(&self.dir_name);
        }
        if let Some(renamed) = self.shared.rename_aside(&self.dir_name, "-stray")? {
            tracing::warn!(renamed, "a directory of another topic was in the way");
        }
        Ok(())
    }

    /// Whose the partition's directory is, by its `partition.metadata`.
    pub(super) fn dir_owner(&self) -> Result<DirOwner, FileError> {
        let path = self.dir.join("partition.metadata");
        let Some(file) = open_if_there(&*self.shared.env.disk, &path, OpenMode::Read)? else {
            return Ok(DirOwner::Unmarked);
        };
        let bytes = chronik_io::fs::read_up_to(&*file, 0, 256)
            .map_err(|e| FileError::new("read", &path, e))?;
        let text = String::from_utf8_lossy(&bytes);
        let owner = text
            .lines()
            .find_map(|line| line.strip_prefix("topic_id: "));
        Ok(match owner {
            None => DirOwner::Torn,
            Some(owner) if owner == self.key.topic_id.to_string() => DirOwner::Own,
            Some(_) => DirOwner::Another,
        })
    }

    fn roll_if_due(
        &self,
        state: &mut State,
        first: &Header,
        last: &Header,
        bytes: u64,
        now: Timestamp,
    ) -> Result<(), FileError> {
        let due = match state.segments.back() {
            None => true,
            Some(active) => {
                active.size > 0
                    && (active.size + bytes > state.config.segment_bytes
                        || active.size + bytes > u64::from(u32::MAX >> 1)
                        || !active.can_hold(last.last_offset())
                        || index_is_full(active, state.config.segment_index_bytes)
                        || is_old(active, state, first.max_timestamp, now))
            }
        };
        if due {
            self.roll(state, first.base_offset, now)?;
        }
        Ok(())
    }

    /// Begins a segment at `base`: the old one's indexes and the producers' state are written out
    /// (page cache); syncing them is the housekeeper's.
    pub(super) fn roll(
        &self,
        state: &mut State,
        base: Offset,
        now: Timestamp,
    ) -> Result<(), FileError> {
        let shared = &*self.shared;
        if let Some(active) = state.segments.back_mut() {
            active.finish(shared)?;
            self.write_snapshot(state)?;
            if state.class == Durability::QuorumMemory {
                shared.want_roll_sync();
            }
        }
        state
            .segments
            .push_back(Segment::new(&self.dir, base, now.as_millis()));
        state.names_dirty = true;
        Ok(())
    }
}

impl State {
    pub(super) fn check_gate(&self) -> Result<(), AppendError> {
        match self.gate {
            Gate::Open => Ok(()),
            Gate::Busy => Err(AppendError::Busy),
            Gate::Deleted | Gate::Offline => Err(AppendError::Closed),
        }
    }
}

fn index_is_full(segment: &Segment, bytes_max: u64) -> bool {
    segment.offsets.bytes() + 8 > bytes_max || segment.times.bytes() + 12 > bytes_max
}

fn is_old(segment: &Segment, state: &State, timestamp: i64, now: Timestamp) -> bool {
    let age = match segment.first_timestamp {
        Some(first) if first >= 0 && timestamp >= 0 => timestamp.saturating_sub(first),
        _ => now.as_millis().saturating_sub(segment.begun),
    };
    let config = &state.config;
    // Only closed segments are compacted.
    let lag = config
        .max_compaction_lag_ms
        .filter(|_| config.cleanup_compact);
    let segment_ms = config.segment_ms.min(lag.unwrap_or(u64::MAX));
    let jitter_max = config.segment_jitter_ms.min(segment_ms);
    let jitter = (u128::from(jitter_max) * u128::from(state.jitter)) >> 16;
    let jitter = u64::try_from(jitter).unwrap_or(jitter_max);
    u64::try_from(age).is_ok_and(|age| age > segment_ms - jitter)
}
