//! The task that owns the journal: takes the window that gathered during the previous sync,
//! writes it as frames, syncs once, moves durable positions and tells the listener.
//!
//! ```text
//! wait ─ work ─► fits? ─ yes ─► commit (write + one fdatasync) ─► apply ─► listener ─► wait
//!   │                  └ no ──► next file (state of all partitions first), or wait for one
//!   └─ idle for a while after a window ─► one empty frame that covers it ─► wait
//! ```
//!
//! Keeps I1: nothing is durable before its sync. Truncations, resets and deletions touch files
//! only in `apply`, after their record is durable. A failed write or sync ends the process.
//! The last part of the last free file is kept for checkpoint records, because only they can
//! free another one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chronik_io::ExitCode;
use chronik_types::{Offset, TopicName};

use super::file::{FRAMES_AT, FileHeader, JournalFile};
use super::frame::{self, FRAME_ALIGN, frame_bytes};
use super::queue::{Entry, Next};
use super::record::{LogId, Record};
use crate::error::FileError;
use crate::log::PartitionLog;
use crate::shared::Shared;

/// Where the writer stands in the journal.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) file: JournalFile,
    pub(crate) file_sequence: u64,
    /// Where the next frame goes.
    pub(crate) at: u64,
    /// The next frame's sequence.
    pub(crate) frame_sequence: u64,
}

/// The journal's owner.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    position: Position,
    /// Frames below are durable.
    durable_frames: u64,
    /// Whether the last window has no frame after it yet.
    cover_owed: bool,
    /// Every partition whose creation is in the journal.
    logs: BTreeMap<LogId, Arc<PartitionLog>>,
    /// Deleted partitions whose directory may still be there.
    deleting: BTreeMap<String, (LogId, TopicName)>,
    /// Entries taken from the queue and not yet written.
    held: VecDeque<Entry>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        position: Position,
        logs: BTreeMap<LogId, Arc<PartitionLog>>,
        deleting: BTreeMap<String, (LogId, TopicName)>,
    ) -> Self {
        Self {
            shared,
            durable_frames: position.frame_sequence,
            position,
            cover_owed: true,
            logs,
            deleting,
            held: VecDeque::new(),
        }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        if let Err(error) = self.serve().await {
            let reason = format!("the journal failed: {error}");
            self.shared.env.exit.fatal(ExitCode::Storage, &reason).await;
        }
    }

    async fn serve(&mut self) -> Result<(), FileError> {
        loop {
            let idle = self.cover_owed.then_some(self.shared.options.idle_cover);
            match self.shared.queue.next(idle).await {
                Next::Window(entries) => {
                    self.held.extend(entries);
                    self.write_held().await?;
                }
                Next::Switch(asked) => {
                    if self.position.at * 4 > self.shared.options.checkpoint_bytes {
                        self.rotate(0, false).await?;
                    }
                    for done in asked {
                        // Whoever asked may have gone.
                        let _ = done.send(());
                    }
                }
                Next::Idle => self.cover().await?,
                Next::Closed => {
                    if self.cover_owed {
                        self.cover().await?;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Writes everything that is held, as many commits as files make necessary.
    async fn write_held(&mut self) -> Result<(), FileError> {
        while !self.held.is_empty() {
            let chosen = self.choose();
            if !chosen.is_empty() {
                self.commit(chosen).await?;
                continue;
            }
            let needed = self
                .held
                .front()
                .map_or(0, |entry| entry.record.encoded_bytes_max());
            if self.rotate(needed, false).await? {
                continue;
            }
            let states = self.choose_states();
            if !states.is_empty() {
                self.commit(states).await?;
                continue;
            }
            let checkpointed = self
                .held
                .iter()
                .any(|entry| matches!(entry.record, Record::State(_)));
            if checkpointed && self.rotate(needed, true).await? {
                continue;
            }
            // Only a checkpoint can help; its records arrive through the queue.
            self.shared.queue.set_pressed(true);
            self.shared
                .stats
                .journal_waits
                .fetch_add(1, Ordering::Relaxed);
            self.shared.housekeeping.notify_one();
            self.shared.queue.refuse_next_file();
            let freed = self.shared.files.freed();
            tokio::select! {
                () = freed => {}
                () = self.shared.queue.wait_for_work() => {}
            }
            self.held.extend(self.shared.queue.take());
        }
        self.shared.queue.set_pressed(false);
        Ok(())
    }

    /// Bytes at the end of the last file that only checkpoint records may use.
    fn reserve(&self) -> u64 {
        (self.position.file.bytes / 10)
            .max(8 * FRAME_ALIGN)
            .next_multiple_of(FRAME_ALIGN)
    }

    /// Takes from the front what still fits into the current file.
    fn choose(&mut self) -> Vec<Entry> {
        // One block stays for the frame that covers the last window.
        let reserve = if self.shared.files.has_free() {
            FRAME_ALIGN
        } else {
            self.reserve()
        };
        let mut fit = Fit::new(self, self.position.file.bytes.saturating_sub(reserve));
        let count = self
            .held
            .iter()
            .take_while(|entry| fit.add(&entry.record))
            .count();
        self.held.drain(..count).collect()
    }

    /// Takes checkpoint records of known partitions from wherever they are.
    fn choose_states(&mut self) -> Vec<Entry> {
        let mut fit = Fit::new(self, self.position.file.bytes.saturating_sub(FRAME_ALIGN));
        let (mut chosen, mut rest) = (Vec::new(), VecDeque::new());
        for entry in self.held.drain(..) {
            let known = matches!(entry.record, Record::State(_))
                && self
                    .logs
                    .get(&entry.log.id())
                    .is_some_and(|log| Arc::ptr_eq(log, &entry.log));
            if known && fit.add(&entry.record) {
                chosen.push(entry);
            } else {
                rest.push_back(entry);
            }
        }
        self.held = rest;
        chosen
    }

    /// Writes and syncs entries that fit, then lets their consequences happen.
    async fn commit(&mut self, mut entries: Vec<Entry>) -> Result<(), FileError> {
        let mut frames = Frames::new(&self.position, self.durable_frames, self.frame_max());
        let mut bytes = 0;
        for entry in &mut entries {
            bytes += entry.record.encoded_bytes_max() as u64;
            entry.log.note_written(entry.operation, &mut entry.record);
            frames.add(entry.log.id(), entry.operation, &entry.record);
        }
        self.write(frames, 0).await?;
        self.apply(entries)?;
        let durable = self.held.front().map(|entry| entry.index);
        self.shared
            .queue
            .written(durable.unwrap_or_else(|| self.shared.last_taken()), bytes);
        Ok(())
    }

    /// After the sync: durable positions, deferred file changes, the listener, the waiters.
    fn apply(&mut self, entries: Vec<Entry>) -> Result<(), FileError> {
        let mut advanced: BTreeMap<LogId, (Arc<PartitionLog>, Offset)> = BTreeMap::new();
        let mut waiters = Vec::new();
        let sequence = self.position.file_sequence;
        for entry in entries {
            let id = entry.log.id();
            match &entry.record {
                Record::Create { .. } => {
                    self.logs.insert(id, Arc::clone(&entry.log));
                }
                Record::Delete { name } => {
                    self.logs.remove(&id);
                    self.deleting
                        .insert(entry.log.dir_name().to_owned(), (id, name.clone()));
                }
                _ => {}
            }
            if let Some(end) = entry
                .log
                .journaled(entry.operation, &entry.record, sequence)?
            {
                advanced.insert(id, (Arc::clone(&entry.log), end));
            }
            self.shared.note_taken(entry.index + 1);
            waiters.extend(entry.done);
        }
        if !advanced.is_empty() {
            let advanced: Vec<_> = advanced.into_values().collect();
            self.shared.tell_listener(&advanced);
        }
        for waiter in waiters {
            // Whoever asked may have gone.
            let _ = waiter.send(());
        }
        Ok(())
    }

    /// One empty frame whose "durable up to" covers the last window.
    async fn cover(&mut self) -> Result<(), FileError> {
        self.cover_owed = false;
        if self.position.at + FRAME_ALIGN > self.position.file.bytes {
            return Ok(());
        }
        let mut frames = Frames::new(&self.position, self.durable_frames, self.frame_max());
        frames.close_frame(true);
        self.write(frames, 0).await?;
        self.cover_owed = false;
        Ok(())
    }

    /// Goes on in the next file, beginning with the state of every partition. False if there is
    /// no file to go on in; with `force` one is made beyond the set number.
    async fn rotate(&mut self, record_bytes: usize, force: bool) -> Result<bool, FileError> {
        self.forget_deleted();
        // A partition that has come back since is no longer being deleted: the operations of its
        // new life may stand in older files.
        let mut catalog = Vec::new();
        let deleting = self.deleting.values();
        for (id, name) in deleting.filter(|(id, _)| !self.logs.contains_key(id)) {
            catalog.push((*id, Record::Delete { name: name.clone() }));
        }
        for (id, log) in &self.logs {
            catalog.push((*id, log.state_record()));
        }
        let catalog_bytes: usize = catalog.iter().map(|(_, r)| r.encoded_bytes_max()).sum();
        let needed = FRAMES_AT
            + frame_bytes(catalog_bytes) * 2
            + frame_bytes(record_bytes)
            + 16 * FRAME_ALIGN;
        let Some(file) = self
            .shared
            .files
            .take_free(&self.shared, needed, force)
            .await?
        else {
            return Ok(false);
        };
        let sequence = self.position.file_sequence + 1;
        self.position = Position {
            file: file.clone(),
            file_sequence: sequence,
            at: FRAMES_AT,
            frame_sequence: self.position.frame_sequence,
        };
        let header = FileHeader {
            sequence,
            first_live: self.shared.files.push_live(sequence, file),
            first_frame: self.position.frame_sequence,
        };
        let mut frames = Frames::new(&self.position, self.durable_frames, self.frame_max());
        for (id, record) in &catalog {
            frames.add(*id, 0, record);
        }
        frames.prepend(header.encode());
        self.write(frames, FRAMES_AT).await?;
        self.shared.housekeeping.notify_one();
        Ok(true)
    }

    /// Commits frames at the current position, with `before` bytes in front of it.
    async fn write(&mut self, mut frames: Frames, before: u64) -> Result<(), FileError> {
        frames.close_frame(false);
        let started = self.shared.env.clock.now();
        let bytes = frames.bytes;
        let file = &self.position.file;
        file.file
            .commit(frames.out, self.position.at - before)
            .await
            .map_err(|e| FileError::new("write and sync", &file.path, e))?;
        self.position.at += bytes;
        self.position.frame_sequence = frames.next_sequence;
        self.durable_frames = frames.next_sequence;
        self.cover_owed = true;
        let took = self.shared.env.clock.now().since(started);
        self.shared.stats.window(bytes, frames.records, took);
        if self.shared.note_journaled(bytes) {
            self.shared.housekeeping.notify_one();
        }
        let begins = self
            .shared
            .files
            .note_use(self.position.at, self.position.file.bytes);
        if begins {
            self.shared.housekeeping.notify_one();
        }
        if !self.shared.files.has_free() && self.position.at * 2 > self.position.file.bytes {
            self.shared.housekeeping.notify_one();
        }
        Ok(())
    }

    fn forget_deleted(&mut self) {
        for dir_name in self.shared.take_gone() {
            self.deleting.remove(&dir_name);
        }
    }

    fn frame_max(&self) -> usize {
        self.shared.options.journal_frame_bytes_max
    }
}

/// Breaks the circle from the queue over its entries' logs back to the queue; writes nothing.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.abandon();
    }
}

/// Frames being put together for one commit.
pub(crate) struct Frames {
    file_sequence: u64,
    next_sequence: u64,
    durable_upto: u64,
    frame_max: usize,
    payload: Vec<Bytes>,
    payload_bytes: usize,
    pub(crate) out: Vec<Bytes>,
    /// Bytes of the closed frames.
    pub(crate) bytes: u64,
    records: u64,
}

impl Frames {
    pub(crate) fn new(position: &Position, durable_upto: u64, frame_max: usize) -> Self {
        Self {
            file_sequence: position.file_sequence,
            next_sequence: position.frame_sequence,
            durable_upto,
            frame_max,
            payload: Vec::new(),
            payload_bytes: 0,
            out: Vec::new(),
            bytes: 0,
            records: 0,
        }
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(crate) fn add(&mut self, id: LogId, operation: u64, record: &Record) {
        let bytes = record.encoded_bytes_max();
        if self.payload_bytes > 0 && self.payload_bytes + bytes > self.frame_max {
            self.close_frame(false);
        }
        record.encode(id, operation, &mut self.payload);
        // The bound, not the bytes: it must agree with what `Fit` counted.
        self.payload_bytes += bytes;
        self.records += 1;
    }

    fn prepend(&mut self, block: Bytes) {
        self.out.insert(0, block);
    }

    /// Ends the frame under way; without records only if an empty one is wanted.
    pub(crate) fn close_frame(&mut self, even_empty: bool) {
        if self.payload.is_empty() && !even_empty {
            return;
        }
        let payload = std::mem::take(&mut self.payload);
        self.payload_bytes = 0;
        self.bytes += frame::encode(
            self.file_sequence,
            self.next_sequence,
            self.durable_upto,
            payload,
            &mut self.out,
        );
        self.next_sequence += 1;
    }
}

/// Whether records still fit below a limit, packed as [`Frames`] packs them.
struct Fit {
    at: u64,
    limit: u64,
    frame_max: usize,
    payload_bytes: usize,
}

impl Fit {
    fn new(writer: &Writer, limit: u64) -> Self {
        Self {
            at: writer.position.at,
            limit,
            frame_max: writer.frame_max(),
            payload_bytes: 0,
        }
    }

    fn add(&mut self, record: &Record) -> bool {
        let bytes = record.encoded_bytes_max();
        let (mut at, mut payload) = (self.at, self.payload_bytes);
        if payload > 0 && payload + bytes > self.frame_max {
            at += frame_bytes(payload);
            payload = 0;
        }
        payload += bytes;
        if at + frame_bytes(payload) > self.limit {
            return false;
        }
        self.at = at;
        self.payload_bytes = payload;
        true
    }
}
