//! A checkpoint of one log: sync what was written, then say so in the journal.
//!
//! `begin` notes under the lock what is there and takes the files; they are synced without the
//! lock; `finish` raises the recovery point and queues the state record. Only when that record
//! is durable may the journal files with the covered operations be used again.
//! A failed sync ends the process, so a file that was taken counts as clean.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chronik_io::ExitCode;
use chronik_io::fs::{File, OpenMode};
use chronik_types::{Durability, Offset};
use tokio::sync::oneshot;

use super::{Gate, PartitionLog, State};
use crate::epochs;
use crate::error::FileError;
use crate::journal::record::{Record, RecoveryPoint};
use crate::producers;

/// What one log's checkpoint has to sync and may say afterwards.
#[derive(Debug)]
pub(crate) struct CheckpointWork {
    files: Vec<(PathBuf, Arc<dyn File>, u64)>,
    /// The partition's directory, if names in it changed.
    dir: Option<PathBuf>,
    /// A synced temporary file and the name it gets then.
    rename: Option<(PathBuf, PathBuf)>,
    point: RecoveryPoint,
    covered: u64,
    log_start: Offset,
    generation: u64,
}

impl CheckpointWork {
    /// Starts writeback of everything without waiting.
    pub(crate) fn start_writeback(&self) {
        for (_, file, bytes) in &self.files {
            file.start_writeback(0, *bytes);
        }
    }

    /// Syncs file by file; a failure ends the process, unless it is that the log was deleted
    /// meanwhile and its directory has another name now.
    pub(crate) async fn sync(&self, log: &PartitionLog) -> Result<(), FileError> {
        let shared = &*log.shared;
        let mut failed = None;
        for (path, file, _) in &self.files {
            shared
                .stats
                .checkpoint_syncs
                .fetch_add(1, Ordering::Relaxed);
            if let Err(e) = file.sync().await {
                failed = Some(FileError::new("sync", path, e));
                break;
            }
        }
        if let (None, Some((from, to))) = (&failed, &self.rename)
            && let Err(e) = shared.env.disk.rename(from, to)
        {
            failed = Some(FileError::new("rename", to, e));
        }
        if let (None, Some(dir)) = (&failed, &self.dir) {
            for dir in [dir.as_path(), shared.layout.root.as_path()] {
                if let Err(e) = shared.env.disk.sync_dir(dir).await {
                    failed = Some(FileError::new("sync", dir, e));
                    break;
                }
            }
        }
        match failed {
            None => Ok(()),
            Some(error) if error.is_not_found() && log.is_deleted() => Ok(()),
            Some(error) => {
                shared
                    .env
                    .exit
                    .fatal(ExitCode::Storage, &error.to_string())
                    .await
            }
        }
    }
}

impl PartitionLog {
    /// Takes what has to be synced; `None` for a log that is gone. With `everything` the active
    /// segment of a `quorum-memory` log and all indexes are included. The work must be synced:
    /// what it took counts as clean. After an error nothing was taken.
    pub(crate) fn begin_checkpoint(
        &self,
        everything: bool,
    ) -> Result<Option<CheckpointWork>, FileError> {
        let mut state = self.lock();
        // The state of a log the journal does not know would wait behind its creation.
        if !state.created || matches!(state.gate, Gate::Deleted | Gate::Offline) {
            return Ok(None);
        }
        self.begin(&mut state, everything).map(Some)
    }

    fn begin(&self, state: &mut State, everything: bool) -> Result<CheckpointWork, FileError> {
        let shared = &*self.shared;
        let disk = &*shared.env.disk;
        let with_active = everything || state.class == Durability::QuorumFsync;
        let with_indexes = with_active
            && (everything || state.since_index_sync >= shared.options.index_sync_bytes);
        let (mut files, mut rename) = (Vec::new(), None);
        if with_indexes && state.snapshot_at != Some(state.log_end) && !state.segments.is_empty() {
            files.push(self.write_snapshot(state)?);
        }
        let take_epochs = state.epochs_dirty && state.dir_made;
        if take_epochs {
            let temporary = format!("{}.tmp", epochs::FILE_NAME);
            let written = self.write_whole(&temporary, state.epochs.encode().into_bytes())?;
            rename = Some((written.0.clone(), self.dir.join(epochs::FILE_NAME)));
            files.push(written);
        }
        let take_names = (state.names_dirty || take_epochs) && state.dir_made;
        if take_names {
            let path = self.dir.join("partition.metadata");
            let file = disk
                .open(&path, OpenMode::ReadWrite)
                .map_err(|e| FileError::new("open", &path, e))?;
            files.push((path, file, 0));
        }
        let count = state.segments.len();
        for (at, segment) in state.segments.iter_mut().enumerate() {
            let is_active = at + 1 == count;
            if is_active && with_indexes {
                segment.flush_indexes(shared)?;
            }
            if segment.dirty && (with_active || !is_active) {
                files.push((
                    segment.path.clone(),
                    segment.file_to_write(shared)?,
                    segment.size,
                ));
            }
            let cut = segment.offsets.must_be_synced() || segment.times.must_be_synced();
            if with_indexes || !is_active || (with_active && cut) {
                let indexes = [
                    segment.offsets.dirty_file(disk)?,
                    segment.times.dirty_file(disk)?,
                ];
                files.extend(
                    indexes
                        .into_iter()
                        .flatten()
                        .map(|f| (segment.path.clone(), f, 0)),
                );
            }
        }
        // Nothing fails from here on.
        for (at, segment) in state.segments.iter_mut().enumerate() {
            let is_active = at + 1 == count;
            segment.dirty &= is_active && !with_active;
            let cut = segment.offsets.must_be_synced() || segment.times.must_be_synced();
            if with_indexes || !is_active || (with_active && cut) {
                segment.offsets.set_clean();
                segment.times.set_clean();
            }
        }
        if with_indexes {
            state.since_index_sync = 0;
        }
        state.epochs_dirty &= !take_epochs;
        state.names_dirty &= !take_names;
        let point = match (with_active, state.segments.back()) {
            (true, _) => self.point_at_end(state),
            // What was synced under the other class stays believed.
            (false, Some(active)) if state.recovery_point.segment == Some(active.base) => {
                state.recovery_point
            }
            (false, Some(active)) => RecoveryPoint {
                offset: active.base,
                segment: Some(active.base),
                position: 0,
            },
            (false, None) => state.recovery_point,
        };
        Ok(CheckpointWork {
            files,
            dir: take_names.then(|| self.dir.clone()),
            rename,
            point,
            covered: state.pending.map_or(state.assigned, |pending| pending - 1),
            log_start: state.log_start,
            generation: state.generation,
        })
    }

    /// Everything in `work` is durable: raises the recovery point and queues the state record.
    /// `None` if the log changed meanwhile; its next checkpoint covers it.
    pub(crate) fn finish_checkpoint(
        self: &Arc<Self>,
        work: &CheckpointWork,
    ) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        let gone = matches!(state.gate, Gate::Deleted | Gate::Offline);
        if gone || !self.cover(&mut state, work) {
            return None;
        }
        let (sender, done) = oneshot::channel();
        let record = Record::State(self.journal_state(&state));
        self.enqueue_unnumbered(record, Some(sender))
            .then_some(done)
    }

    /// Raises the recovery point to what `work` synced, unless bytes were taken away meanwhile.
    pub(super) fn cover(&self, state: &mut State, work: &CheckpointWork) -> bool {
        if state.generation != work.generation {
            return false;
        }
        state.recovery_point = work.point;
        state.covered = work.covered;
        state.journaled_start = state.journaled_start.max(work.log_start);
        true
    }

    /// The state record of a finished checkpoint is durable: forgets covered operations. Returns
    /// the oldest journal file still needed.
    pub(crate) fn settle(self: &Arc<Self>) -> Option<u64> {
        let mut state = self.lock();
        let covered = state.covered;
        while state
            .uncovered
            .front()
            .is_some_and(|first| first.1 <= covered)
        {
            state.uncovered.pop_front();
        }
        let oldest = state.uncovered.front().map(|first| first.0);
        let clean = oldest.is_none()
            && state.segments.iter().all(|segment| !segment.dirty)
            && state.assigned == covered;
        if clean || state.gate == Gate::Deleted {
            state.listed_dirty = false;
            self.shared.remove_dirty(self);
            return None;
        }
        // Operations may be on their way into the file being written.
        oldest
    }

    /// Closes files that need not be open.
    pub(crate) fn close_clean_files(&self) {
        let mut state = self.lock();
        for segment in &mut state.segments {
            segment.close_if_clean(&self.shared);
        }
    }

    /// Writes the producers' state at the log's end into the page cache.
    pub(super) fn write_snapshot(
        &self,
        state: &mut State,
    ) -> Result<(PathBuf, Arc<dyn File>, u64), FileError> {
        let end = state.log_end;
        let oldest = self.shared.env.clock.wall().as_millis();
        let expiration = i64::try_from(self.shared.options.producer_expiration_ms);
        state
            .producers
            .expire(oldest.saturating_sub(expiration.unwrap_or(i64::MAX)));
        let bytes = producers::encode(&state.producers);
        let written = self.write_whole(&producers::file_name(end), bytes)?;
        // The snapshot before the newest stays: should this one be torn by a crash, it is used.
        let before = state.snapshot_at.replace(end);
        if let Some(before) = before.filter(|before| *before < end) {
            self.remove_snapshots(Offset::ZERO, before)?;
        }
        state.names_dirty = true;
        Ok(written)
    }

    /// Removes snapshots taken above `from` (or at it, if it is 0) and below `below`.
    pub(super) fn remove_snapshots(&self, from: Offset, below: Offset) -> Result<(), FileError> {
        let disk = &*self.shared.env.disk;
        let entries = match disk.list(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(FileError::new("list", &self.dir, e)),
        };
        for entry in entries {
            let taken_at = entry
                .name
                .strip_suffix(".snapshot")
                .and_then(|n| n.parse().ok());
            let Some(taken_at) = taken_at.map(Offset::new) else {
                continue;
            };
            if taken_at < below && (taken_at > from || from == Offset::ZERO) {
                self.remove_if_there(&entry.name)?;
            }
        }
        Ok(())
    }

    /// Writes a small file anew into the page cache.
    pub(super) fn write_whole(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<(PathBuf, Arc<dyn File>, u64), FileError> {
        let path = self.dir.join(name);
        let failed = |e| FileError::new("write", &path, e);
        let file = self
            .shared
            .env
            .disk
            .open(&path, OpenMode::CreateOrOpen)
            .map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        let len = bytes.len() as u64;
        file.write_at(&[Bytes::from(bytes)], 0).map_err(failed)?;
        Ok((path, file, len))
    }
}
