//! Truncate, reset, move the start, switch the class, delete.
//!
//! Whatever takes bytes away is durable in the journal before it touches a file: the record goes
//! into the queue, the log is busy meanwhile, and the journal's writer calls `apply_*` after the
//! sync. Dropping a returned future does not undo what was asked for.

use std::sync::Arc;

use chronik_io::task::spawn_owner;
use chronik_types::{Durability, Offset};
use tokio::sync::oneshot;

use super::segment::Segment;
use super::{Gate, PartitionLog, State};
use crate::error::{FileError, LogError};
use crate::journal::record::{Record, RecoveryPoint};

impl PartitionLog {
    /// Removes all records from `to` on; a batch that reaches beyond `to` goes whole, and if the
    /// log starts within that batch, its start goes down to the batch's base. Returns the
    /// new log end when the files are cut and a crash cannot bring anything back.
    pub async fn truncate(self: &Arc<Self>, to: Offset) -> Result<Offset, LogError> {
        let (end, done) = {
            let _no_swap = self.rewriting.lock().await;
            let mut state = self.lock();
            state.check_change()?;
            if to >= state.log_end {
                return Ok(state.log_end);
            }
            if to < state.log_start {
                return Err(state.out_of_range(to));
            }
            let (at, position, end) = self.boundary(&mut state, to)?;
            tracing::debug!(log = self.dir_name, %to, %end, segment = at, position, "truncating");
            state.gate = Gate::Busy;
            let (sender, done) = oneshot::channel();
            if !self.enqueue(&mut state, Record::Truncate { to: end }, Some(sender)) {
                return Err(LogError::Closed);
            }
            state.pending = Some(state.assigned);
            (end, done)
        };
        done.await.map_err(|_| LogError::Closed)?;
        Ok(end)
    }

    /// Removes everything; the log goes on at `start`. For a follower whose whole log lies
    /// outside its leader's.
    pub async fn reset(self: &Arc<Self>, start: Offset) -> Result<(), LogError> {
        let done = {
            let _no_swap = self.rewriting.lock().await;
            let mut state = self.lock();
            state.check_change()?;
            state.gate = Gate::Busy;
            let (sender, done) = oneshot::channel();
            if !self.enqueue(&mut state, Record::Reset { start }, Some(sender)) {
                return Err(LogError::Closed);
            }
            state.pending = Some(state.assigned);
            done
        };
        done.await.map_err(|_| LogError::Closed)
    }

    /// Moves the log's start (DeleteRecords, a leader's start on a follower). Readers see it at
    /// once; it is durable, and segments below may go, when the future is ready. A start that is
    /// not above the present one changes nothing.
    pub async fn set_log_start(self: &Arc<Self>, start: Offset) -> Result<Offset, LogError> {
        let moved = {
            let mut state = self.lock();
            match state.gate {
                Gate::Open => {}
                Gate::Busy => return Err(LogError::Busy),
                Gate::Deleted | Gate::Offline => return Err(LogError::NotFound),
            }
            if start > state.log_end {
                return Err(state.out_of_range(start));
            }
            if start > state.log_start {
                Ok(self.move_log_start(&mut state, start)?)
            } else {
                Err(state.log_start)
            }
        };
        match moved {
            Ok(done) => {
                done.await.map_err(|_| LogError::Closed)?;
                Ok(start)
            }
            Err(present) => {
                // Whoever moved it may still be waiting.
                self.shared.queue.flush().await;
                Ok(present)
            }
        }
    }

    pub(super) fn move_log_start(
        self: &Arc<Self>,
        state: &mut State,
        start: Offset,
    ) -> Result<oneshot::Receiver<()>, LogError> {
        state.log_start = start;
        if state.epochs.truncate_start(start) {
            state.epochs_dirty = true;
        }
        let (sender, done) = oneshot::channel();
        if self.enqueue(state, Record::LogStart { start }, Some(sender)) {
            Ok(done)
        } else {
            Err(LogError::Closed)
        }
    }

    /// Switches the durability class: everything appended so far is synced and the recovery point
    /// raised to the log end before the first append under the new class. Appends are refused as
    /// busy during the last, short sync.
    pub async fn set_class(self: &Arc<Self>, class: Durability) -> Result<(), LogError> {
        let (sender, done) = oneshot::channel();
        let log = Arc::clone(self);
        // A task of its own: taken files must be synced even if the caller goes away.
        spawn_owner(&self.shared.env.exit, "class change", async move {
            let _ = sender.send(log.switch_class(class).await);
        });
        done.await.map_err(|_| LogError::Closed)?
    }

    async fn switch_class(self: &Arc<Self>, class: Durability) -> Result<(), LogError> {
        // The journal knows the log then, and its state record cannot wait behind its creation.
        self.shared.queue.flush().await;
        let _alone = self.shared.checkpointing.lock().await;
        {
            let state = self.lock();
            state.check_change()?;
            if state.class == class {
                return Ok(());
            }
        }
        // Most of the work while appends go on, the rest behind the gate.
        if let Some(work) = self.begin_checkpoint(true)? {
            work.sync(self).await?;
        }
        {
            let mut state = self.lock();
            state.check_change()?;
            state.gate = Gate::Busy;
        }
        let done = loop {
            let work = match self.begin_checkpoint(true) {
                Ok(work) => work,
                Err(error) => {
                    self.directory_is_free();
                    return Err(error.into());
                }
            };
            if let Some(work) = &work {
                work.sync(self).await?;
            }
            let mut state = self.lock();
            if state.gate != Gate::Busy {
                return Err(LogError::NotFound);
            }
            if work.is_some_and(|work| !self.cover(&mut state, &work)) {
                // A log start queued before the gate closed has taken a segment away: again.
                continue;
            }
            state.class = class;
            let (sender, done) = oneshot::channel();
            let record = Record::State(self.journal_state(&state));
            if !self.enqueue_unnumbered(record, Some(sender)) {
                return Err(LogError::Closed);
            }
            if class == Durability::QuorumFsync {
                state.gate = Gate::Open;
            }
            break done;
        };
        done.await.map_err(|_| LogError::Closed)?;
        if class == Durability::QuorumMemory {
            // Only now: an append the journal never sees would be cut off while it says otherwise.
            let mut state = self.lock();
            state.durable_end = state.log_end;
            if state.gate == Gate::Busy {
                state.gate = Gate::Open;
            }
        }
        Ok(())
    }

    /// Called by the manager: no more appends or reads; the directory is renamed once the record
    /// is durable.
    pub(crate) fn begin_delete(self: &Arc<Self>) -> Result<oneshot::Receiver<()>, LogError> {
        let mut state = self.lock();
        if state.gate == Gate::Deleted {
            return Err(LogError::NotFound);
        }
        state.gate = Gate::Deleted;
        let (sender, done) = oneshot::channel();
        let name = self.key.topic.clone();
        if self.enqueue_unnumbered(Record::Delete { name }, Some(sender)) {
            Ok(done)
        } else {
            Err(LogError::Closed)
        }
    }

    /// Keeps appends out until a directory of the same name is gone.
    pub(crate) fn wait_for_directory(&self) {
        self.lock().gate = Gate::Busy;
    }

    /// The directory is free now.
    pub(crate) fn directory_is_free(&self) {
        let mut state = self.lock();
        if state.gate == Gate::Busy {
            state.gate = Gate::Open;
        }
    }

    /// The segment, byte position and batch boundary at which a truncation to `to` cuts.
    pub(super) fn boundary(
        &self,
        state: &mut State,
        to: Offset,
    ) -> Result<(usize, u64, Offset), FileError> {
        let Some(at) = state.segment_of(to) else {
            return Ok((0, 0, to));
        };
        let shared = &*self.shared;
        let segment = &mut state.segments[at];
        let relative = to.get() - segment.base.get();
        let entry = segment.offsets.last_where(&*shared.env.disk, |entry| {
            i64::from(entry.relative) < relative
        })?;
        let from = entry.map_or(0, |entry| u64::from(entry.position));
        let mut end = segment.base;
        let mut cut = to;
        let position = segment.scan_headers(shared, from, |header, _| {
            // After a crash, what lies behind `to` may be anything.
            if header.base_offset < end {
                return false;
            }
            if header.next_offset() > to {
                cut = cut.min(header.base_offset);
                return false;
            }
            end = header.next_offset();
            true
        })?;
        Ok((at, position, cut.max(end)))
    }

    pub(super) fn apply_truncate(&self, state: &mut State, to: Offset) -> Result<(), FileError> {
        self.cut_files(state, to)?;
        self.cut_cleaned(state, to)?;
        state.log_end = to;
        state.durable_end = state.durable_end.min(to);
        state.log_start = state.log_start.min(to);
        state.journaled_start = state.journaled_start.min(to);
        if state.recovery_point.offset > to {
            state.recovery_point = self.point_at_end(state);
        }
        if state.epochs.truncate_end(to) {
            state.epochs_dirty = true;
        }
        state.recent.retain(|mark| mark.0 < to);
        self.rebuild_producers(state)?;
        state.open_again();
        Ok(())
    }

    /// Cuts segments and indexes so that the log ends at the batch boundary `to`.
    pub(super) fn cut_files(&self, state: &mut State, to: Offset) -> Result<(), FileError> {
        let (at, position, _) = self.boundary(state, to)?;
        while state.segments.len() > at + 1 {
            if let Some(segment) = state.segments.pop_back() {
                self.remove_segment(segment)?;
                state.names_dirty = true;
            }
        }
        let shared = &*self.shared;
        if let Some(segment) = state.segments.back_mut() {
            if position < segment.size {
                segment.cut(shared, position, to)?;
            }
            Self::reload_timestamps(shared, segment, true)?;
        }
        state.names_dirty = true;
        self.remove_snapshots(to, Offset::new(i64::MAX))
    }

    /// The recovery point at the end of the last segment as it is.
    pub(super) fn point_at_end(&self, state: &State) -> RecoveryPoint {
        RecoveryPoint {
            offset: state.log_end,
            segment: state.segments.back().map(|segment| segment.base),
            position: state.segments.back().map_or(0, |segment| segment.size),
        }
    }

    pub(super) fn apply_reset(&self, state: &mut State, start: Offset) -> Result<(), FileError> {
        while let Some(segment) = state.segments.pop_back() {
            self.remove_segment(segment)?;
            state.names_dirty = true;
        }
        self.remove_snapshots(Offset::ZERO, Offset::new(i64::MAX))?;
        self.cut_cleaned(state, Offset::ZERO)?;
        state.log_start = start;
        state.journaled_start = start;
        state.log_end = start;
        state.durable_end = start;
        state.recovery_point = RecoveryPoint {
            offset: start,
            segment: None,
            position: 0,
        };
        state.epochs.clear();
        state.epochs_dirty = true;
        state.producers = crate::producers::Producers::default();
        state.snapshot_at = None;
        state.recent.clear();
        state.open_again();
        Ok(())
    }

    pub(super) fn apply_log_start(
        &self,
        state: &mut State,
        start: Offset,
    ) -> Result<(), FileError> {
        if state.swapping {
            // A compaction renames files; it calls again when it is done.
            return Ok(());
        }
        // Only segments wholly below the start and the recovery point, and never the active one.
        while let Some(next) = state.segments.get(1).map(|segment| segment.base) {
            if next > start.min(state.log_start) || !state.is_below_recovery_point(next) {
                break;
            }
            if let Some(segment) = state.segments.pop_front() {
                self.delete_segment_later(segment)?;
                state.names_dirty = true;
                state.generation += 1;
            }
        }
        Ok(())
    }

    pub(super) fn apply_delete(&self, state: &mut State) -> Result<(), FileError> {
        for mut segment in std::mem::take(&mut state.segments) {
            segment.dirty = false;
            segment.close_if_clean(&self.shared);
        }
        state.generation += 1;
        if !state.dir_is_own {
            // Nothing of this log is on disk; a directory of its name is somebody else's.
            self.shared.has_no_directory(&self.dir_name);
            return Ok(());
        }
        self.shared.rename_for_deletion(&self.dir_name)
    }

    /// Renames a segment's files as Kafka does and leaves their removal to the housekeeper.
    fn delete_segment_later(&self, mut segment: Segment) -> Result<(), FileError> {
        segment.dirty = false;
        segment.close_if_clean(&self.shared);
        for suffix in [".log", ".index", ".timeindex", ".txnindex", ".snapshot"] {
            self.delete_file_later(&super::segment::file_name(segment.base, suffix))?;
        }
        Ok(())
    }

    /// The same for one file, if it is there.
    pub(super) fn delete_file_later(&self, name: &str) -> Result<(), FileError> {
        let path = self.dir.join(name);
        let to = self.dir.join(format!("{name}.deleted"));
        match self.shared.env.disk.rename(&path, &to) {
            Ok(()) => self.shared.add_file_deletion(to),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(FileError::new("rename", &path, e)),
        }
        Ok(())
    }

    /// Unlinks a segment's files at once.
    pub(super) fn remove_segment(&self, mut segment: Segment) -> Result<(), FileError> {
        segment.dirty = false;
        segment.close_if_clean(&self.shared);
        self.remove_segment_files(segment.base)
    }

    /// The same for a segment that is not open.
    pub(super) fn remove_segment_files(&self, base: Offset) -> Result<(), FileError> {
        for suffix in [".log", ".index", ".timeindex", ".txnindex"] {
            self.remove_if_there(&super::segment::file_name(base, suffix))?;
        }
        Ok(())
    }

    pub(super) fn remove_if_there(&self, name: &str) -> Result<(), FileError> {
        let path = self.dir.join(name);
        match self.shared.env.disk.remove_file(&path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(FileError::new("remove", &path, e)),
        }
    }
}

impl State {
    fn check_change(&self) -> Result<(), LogError> {
        match self.gate {
            Gate::Open => Ok(()),
            Gate::Busy => Err(LogError::Busy),
            Gate::Deleted | Gate::Offline => Err(LogError::NotFound),
        }
    }

    fn out_of_range(&self, asked: Offset) -> LogError {
        LogError::OutOfRange {
            asked,
            log_start: self.log_start,
            log_end: self.log_end,
        }
    }

    fn open_again(&mut self) {
        self.generation += 1;
        self.pending = None;
        if self.gate == Gate::Busy {
            self.gate = Gate::Open;
        }
    }
}
