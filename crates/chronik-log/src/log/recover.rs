//! A log after a stop: cut at its recovery point, then redone from the journal.
//!
//! The operations are first played in the order of their numbers on offsets alone (a truncation
//! takes back appends before it), which leaves where to cut and which appends survive; only those
//! are read and written. What is kept goes into the new journal under new numbers.
//! Reads a bounded amount: the tail of one segment behind its last index entry, and the batches
//! since the last producer snapshot.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chronik_io::fs::OpenMode;
use chronik_types::{Durability, LeaderEpoch, Offset, PartitionId, Timestamp, TopicName};

use super::append::DirOwner;
use super::segment::{Segment, file_name};
use super::{Gate, PartitionKey, PartitionLog, State};
use crate::batch::{Batches, HEADER_BYTES, headers};
use crate::config::LogConfig;
use crate::epochs::{self, LeaderEpochs};
use crate::error::FileError;
use crate::index::open_if_there;
use crate::journal::record::{Record, RecoveryPoint, State as JournalState};
use crate::journal::scan::{Operation, Place, Traced};
use crate::producers::{self, Marker, Producers};
use crate::shared::Shared;

/// Whether a directory's name is one of a partition.
pub(crate) fn is_partition_dir(name: &str) -> bool {
    name.rsplit_once('-')
        .is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

/// The directory of a partition.
pub(crate) fn dir_name_of(topic: &TopicName, partition: PartitionId) -> String {
    format!("{topic}-{partition}")
}

/// Why a log stays offline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Loss {
    /// The journal had this operation and it is gone.
    Operation(u64),
    /// The journal has a hole and nothing behind it shows that this log was not in it.
    Unproven,
    /// A file ends before the recovery point.
    ShortFile {
        /// Its name.
        file: String,
        /// Its bytes.
        bytes: u64,
        /// The bytes that were durable.
        durable: u64,
    },
    /// A batch of the journal does not continue the log.
    Gap {
        /// The log's end.
        log_end: Offset,
        /// Where the batch begins.
        base_offset: Offset,
    },
    /// It was offline before.
    Before,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(number) => write!(f, "operation {number} is missing from the journal"),
            Self::Unproven => f.write_str("the journal has a hole that may have held its records"),
            Self::ShortFile {
                file,
                bytes,
                durable,
            } => {
                write!(f, "{file} has {bytes} bytes, {durable} were durable")
            }
            Self::Gap {
                log_end,
                base_offset,
            } => {
                write!(
                    f,
                    "the journal goes on at {base_offset}, the log ends at {log_end}"
                )
            }
            Self::Before => f.write_str("it was damaged before"),
        }
    }
}

/// An append that no later operation took back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Surviving {
    pub(crate) base_offset: Offset,
    pub(crate) batches: Place,
    /// Batches from here on were truncated away.
    pub(crate) upto: Option<Offset>,
}

/// What the journal says a log should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) state: JournalState,
    /// Where the files are cut before the survivors are appended.
    cut: Offset,
    /// Whether nothing in the files is of use.
    empty: bool,
    log_start: Offset,
    pub(crate) appends: Vec<Surviving>,
    epochs: Vec<(LeaderEpoch, Offset)>,
}

impl Found {
    /// Plays the operations in order.
    pub(crate) fn new(traced: &Traced) -> Self {
        let state = traced.state.clone().unwrap_or_else(|| JournalState {
            name: traced.name.clone(),
            class: traced.class,
            offline: false,
            covered: 0,
            journaled: 0,
            recovery_point: RecoveryPoint {
                offset: Offset::ZERO,
                segment: None,
                position: 0,
            },
            log_start: Offset::ZERO,
        });
        let mut found = Self {
            cut: state.recovery_point.offset,
            // What `quorum-memory` wrote without a checkpoint is nowhere but in the files.
            empty: state.recovery_point.segment.is_none() && state.class == Durability::QuorumFsync,
            log_start: state.log_start,
            appends: Vec::new(),
            epochs: Vec::new(),
            state,
        };
        for operation in traced.operations.values() {
            found.play(*operation);
        }
        found
    }

    fn play(&mut self, operation: Operation) {
        match operation {
            Operation::Append {
                base_offset,
                batches,
            } => {
                self.appends.push(Surviving {
                    base_offset,
                    batches,
                    upto: None,
                });
            }
            Operation::Truncate { to } => {
                self.appends.retain(|append| append.base_offset < to);
                if let Some(last) = self.appends.last_mut() {
                    last.upto = Some(last.upto.map_or(to, |upto| upto.min(to)));
                }
                self.cut = self.cut.min(to);
                self.log_start = self.log_start.min(to);
                self.epochs.retain(|epoch| epoch.1 < to);
            }
            Operation::Reset { start } => {
                self.appends.clear();
                self.epochs.clear();
                self.cut = start;
                self.log_start = start;
                self.empty = true;
            }
            Operation::LogStart { start } => self.log_start = self.log_start.max(start),
            Operation::Epoch { epoch, start } => self.epochs.push((epoch, start)),
        }
    }

    /// Payload bytes that will be journaled again, and how many records.
    pub(crate) fn size(&self) -> (u64, u64) {
        let bytes = self
            .appends
            .iter()
            .map(|append| append.batches.bytes as u64)
            .sum();
        (bytes, (self.appends.len() + self.epochs.len()) as u64 + 2)
    }
}

/// Why a log could not be recovered.
pub(crate) enum Failed {
    /// The node cannot start.
    File(FileError),
    /// This log alone is damaged.
    Lost(Loss),
}

impl From<FileError> for Failed {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl PartitionLog {
    /// A damaged log: nothing is touched, nothing is served.
    pub(crate) fn offline(shared: Arc<Shared>, key: PartitionKey, state: &JournalState) -> Self {
        let log = Self::new(shared, key, state.class, LogConfig::default());
        {
            let mut own = log.lock();
            own.gate = Gate::Offline;
            own.recovery_point = state.recovery_point;
            own.log_start = state.log_start;
            own.journaled_start = state.log_start;
            own.log_end = state.recovery_point.offset.max(state.log_start);
            own.durable_end = own.log_end;
        }
        log
    }

    /// Recovers a log. `keep` is given every operation that has to be in the new journal, with its
    /// new number, in order; `fetch` reads a payload from the old one.
    pub(crate) fn recover(
        shared: Arc<Shared>,
        key: PartitionKey,
        found: &Found,
        fetch: &dyn Fn(Place) -> Result<Bytes, FileError>,
        keep: &mut dyn FnMut(u64, Record) -> Result<(), FileError>,
    ) -> Result<Self, Failed> {
        let class = found.state.class;
        let log = Self::new(shared, key, class, LogConfig::default());
        let mut state = log.lock();
        let now = log.shared.env.clock.wall();
        let keeps_tail = log.keeps_tail(found)?;
        log.open_files(&mut state, found, keeps_tail, now)?;
        let first = state
            .segments
            .front()
            .map_or(state.log_end, |segment| segment.base);
        state.log_start = found.log_start.max(first).min(state.log_end);
        state.recovery_point = if keeps_tail {
            found.state.recovery_point
        } else {
            log.point_at_end(&state)
        };
        state.journaled_segment = state.recovery_point.segment;
        if !found.empty {
            log.load_epochs(&mut state)?;
        }
        if state.dir_is_own {
            // Of a log that was reset the file may be left over.
            let cut = if found.empty { Offset::ZERO } else { found.cut };
            log.load_cleaned(&mut state, cut)?;
        }
        if keeps_tail {
            log.keep_unjournaled_tail(&mut state, found)?;
        }
        log.rebuild_producers(&mut state)?;
        let durable_epochs = state.epochs.clone();
        // The state comes first: an operation of a log the journal does not know means nothing.
        let mut known = log.journal_state(&state);
        known.log_start = found.log_start;
        keep(0, Record::State(known))?;
        for append in &found.appends {
            log.redo(&mut state, append, fetch, keep, now)?;
        }
        for (epoch, start) in &found.epochs {
            state.epochs.assign(*epoch, *start);
        }
        for (epoch, start) in state.epochs.entries().to_vec() {
            if !durable_epochs.entries().contains(&(epoch, start)) {
                state.assigned += 1;
                keep(state.assigned, Record::Epoch { epoch, start })?;
                state.epochs_dirty = true;
            }
        }
        if found.log_start > state.log_end {
            // Only a `quorum-memory` log can have lost what lay below its journaled start.
            log.apply_reset(&mut state, found.log_start)?;
        }
        state.log_start = state.log_start.max(found.log_start);
        state.journaled_start = state.log_start;
        state.epochs.truncate_start(found.log_start);
        state.durable_end = state.log_end;
        let start = state.log_start;
        log.apply_log_start(&mut state, start)?;
        log.written.store(state.assigned, Ordering::Relaxed);
        state.check_invariants();
        drop(state);
        Ok(log)
    }

    /// The operations kept for this log are in journal file `sequence`.
    pub(crate) fn recovered_into(self: &Arc<Self>, sequence: u64) {
        let mut state = self.lock();
        state.created = true;
        if state.assigned > 0 {
            let assigned = state.assigned;
            state.uncovered.push_back((sequence, assigned));
        }
        if state.assigned > 0 || state.segments.iter().any(|segment| segment.dirty) {
            self.list_dirty(&mut state);
        }
    }

    fn redo(
        &self,
        state: &mut State,
        append: &Surviving,
        fetch: &dyn Fn(Place) -> Result<Bytes, FileError>,
        keep: &mut dyn FnMut(u64, Record) -> Result<(), FileError>,
        now: Timestamp,
    ) -> Result<(), Failed> {
        if append.base_offset < state.log_end {
            return Err(Failed::Lost(Loss::Gap {
                log_end: state.log_end,
                base_offset: append.base_offset,
            }));
        }
        let mut batches = fetch(append.batches)?;
        if let Some(upto) = append.upto {
            let end = headers(&batches)
                .take_while(|(_, header)| header.next_offset() <= upto)
                .last()
                .map_or(0, |(at, header)| at + header.size);
            batches.truncate(end);
        }
        if batches.is_empty() {
            return Ok(());
        }
        let batches = Batches::verbatim(batches);
        self.write_batches(state, &batches, now)?;
        state.assigned += 1;
        let base_offset = append.base_offset;
        keep(
            state.assigned,
            Record::Append {
                base_offset,
                batches,
            },
        )?;
        Ok(())
    }

    /// Opens the segments up to the recovery point and cuts the rest.
    fn open_files(
        &self,
        state: &mut State,
        found: &Found,
        keeps_tail: bool,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let shared = &*self.shared;
        let disk = &*shared.env.disk;
        state.log_end = found.cut;
        state.dir_is_own = true;
        let entries = match disk.list(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(FileError::new("list", &self.dir, e).into()),
        };
        let point = found.state.recovery_point;
        let last = point.segment.filter(|_| !found.empty);
        if last.is_none() && !self.dir_owner()?.is_ours() {
            // It is set aside when this log needs the name.
            state.dir_is_own = false;
            return Ok(());
        }
        let mut bases = Vec::new();
        for entry in &entries {
            let Some((stem, suffix)) = entry.name.split_once('.') else {
                continue;
            };
            let Ok(base) = stem.parse::<i64>().map(Offset::new) else {
                continue;
            };
            let stale = match suffix {
                "log" | "index" | "timeindex" | "txnindex" if keeps_tail => {
                    last.is_none() && base < point.offset
                }
                "log" | "index" | "timeindex" | "txnindex" => last.is_none_or(|last| base > last),
                "snapshot" => base > found.cut || last.is_none(),
                _ => entry.name.ends_with(".deleted") || entry.name.ends_with(".tmp"),
            };
            if stale {
                self.remove_if_there(&entry.name)?;
                state.names_dirty = true;
            } else if suffix == "log" {
                bases.push(base);
            }
        }
        let Some(last) = last else {
            state.dir_made = keeps_tail && !bases.is_empty();
            for base in bases.into_iter().filter(|_| keeps_tail) {
                let segment = self.open_untrusted(base, now)?;
                state.segments.push_back(segment);
                state.names_dirty = true;
            }
            return Ok(());
        };
        // The directory was synced when the recovery point was first put into a segment.
        state.dir_made = true;
        let cut_below = found.cut < point.offset;
        if cut_below && bases.iter().any(|base| *base < found.cut) {
            // A truncation is still to be redone. What begins at its end or later may be of the
            // time after it, while the segment before may still have its tail of the time before.
            for base in bases.extract_if(.., |base| *base >= found.cut) {
                self.remove_segment_files(base)?;
                state.names_dirty = true;
            }
        }
        if !bases.contains(&last) && point.position == 0 && !cut_below {
            bases.push(last);
            bases.sort_unstable();
        }
        for base in bases {
            if base > last {
                let segment = self.open_untrusted(base, now)?;
                state.segments.push_back(segment);
                state.names_dirty = true;
                continue;
            }
            let mut segment = if base == last && point.position == 0 {
                let path = self.dir.join(file_name(base, ".log"));
                state.names_dirty = true;
                disk.open(&path, OpenMode::CreateOrOpen)
                    .map_err(|e| FileError::new("open", &path, e))?;
                Segment::open(shared, &self.dir, base, now.as_millis())?
            } else {
                Segment::open(shared, &self.dir, base, now.as_millis())?
            };
            if base == last {
                segment = self.cut_at_point(segment, found, keeps_tail)?;
            }
            state.segments.push_back(segment);
        }
        // A truncation that is still to be redone may have removed it already.
        let reaches = state.segments.iter().any(|segment| segment.base == last)
            || (cut_below && !state.segments.is_empty());
        // A `quorum-memory` log that is to begin behind its end is emptied; that may have begun.
        let is_emptied =
            found.state.class == Durability::QuorumMemory && found.log_start > point.offset;
        if !reaches && !is_emptied {
            return Err(Failed::Lost(Loss::ShortFile {
                file: file_name(last, ".log"),
                bytes: 0,
                durable: point.position,
            }));
        }
        if cut_below {
            // Nor are index entries: the cut may have reached a file and not its index.
            for segment in &mut state.segments {
                let (size, end) = (segment.size, found.cut.get() - segment.base.get());
                segment.offsets.retain_checked(disk, |entry| {
                    entry.position > 0 && u64::from(entry.position) < size
                })?;
                segment
                    .times
                    .retain_checked(disk, |entry| i64::from(entry.relative) < end)?;
            }
            self.cut_files(state, found.cut)?;
        }
        let count = state.segments.len();
        for (at, segment) in state.segments.iter_mut().enumerate() {
            Self::reload_timestamps(shared, segment, at + 1 == count)?;
        }
        Ok(())
    }

    /// Whether files of a `quorum-memory` log may hold more than the journal knows of.
    fn keeps_tail(&self, found: &Found) -> Result<bool, FileError> {
        let point = found.state.recovery_point;
        let may = found.state.class == Durability::QuorumMemory
            && !found.empty
            && found.cut >= point.offset;
        if !may || point.segment.is_some() {
            return Ok(may);
        }
        // Nothing was ever synced: only the directory itself can say that it is ours.
        Ok(matches!(self.dir_owner()?, DirOwner::Own))
    }

    /// A segment of which nothing was synced: its bytes are checked, its indexes made again.
    fn open_untrusted(&self, base: Offset, now: Timestamp) -> Result<Segment, FileError> {
        let disk = &*self.shared.env.disk;
        let mut segment = Segment::open(&self.shared, &self.dir, base, now.as_millis())?;
        segment.offsets.retain_checked(disk, |_| false)?;
        segment.times.retain_checked(disk, |_| false)?;
        segment.size = 0;
        Ok(segment)
    }

    fn cut_at_point(
        &self,
        mut segment: Segment,
        found: &Found,
        keeps_tail: bool,
    ) -> Result<Segment, Failed> {
        let shared = &*self.shared;
        let point = found.state.recovery_point;
        if segment.size < point.position && found.cut >= point.offset {
            return Err(Failed::Lost(Loss::ShortFile {
                file: file_name(segment.base, ".log"),
                bytes: segment.size,
                durable: point.position,
            }));
        }
        let size = segment.size.min(point.position);
        // Index entries beyond the recovery point were never synced, and some before it were not.
        let disk = &*shared.env.disk;
        let end = point.offset.get() - segment.base.get();
        segment.offsets.retain_checked(disk, |entry| {
            entry.position > 0 && u64::from(entry.position) < point.position
        })?;
        segment
            .times
            .retain_checked(disk, |entry| i64::from(entry.relative) < end)?;
        if keeps_tail {
            segment.size = size;
        } else if size < segment.size {
            segment.cut(shared, size, point.offset)?;
        }
        Ok(segment)
    }

    /// A `quorum-memory` log has batches the journal never saw: scans from the recovery point on,
    /// through every segment behind it, and cuts at the first bad batch, as Kafka does.
    fn keep_unjournaled_tail(&self, state: &mut State, found: &Found) -> Result<(), FileError> {
        let point = found.state.recovery_point;
        let first = state
            .segments
            .iter()
            .position(|segment| point.segment.is_none_or(|last| segment.base == last));
        let Some(first) = first else {
            return Ok(());
        };
        state.log_end = point.offset;
        for at in first..state.segments.len() {
            let follows = at == first || state.segments[at].base == state.log_end;
            if !follows || !self.keep_untrusted(state, at)? {
                let gone = if follows { at + 1 } else { at };
                for segment in state.segments.drain(gone..).collect::<Vec<_>>() {
                    self.remove_segment(segment)?;
                }
                state.names_dirty = true;
                break;
            }
        }
        Ok(())
    }

    /// Takes into a segment what its file has behind the bytes believed so far. False if it had
    /// to be cut.
    fn keep_untrusted(&self, state: &mut State, at: usize) -> Result<bool, FileError> {
        /// Headers held at a time.
        const NOTES_MAX: usize = 4096;
        let shared = &*self.shared;
        let interval = state.config.index_interval_bytes;
        let is_last = at + 1 == state.segments.len();
        let segment = &mut state.segments[at];
        let file = segment.file_to_write(shared)?;
        let believed = segment.size;
        let len = file
            .len()
            .map_err(|e| FileError::new("measure", &segment.path, e))?
            .max(believed);
        let (mut end, mut good) = (state.log_end, believed);
        loop {
            let mut notes = Vec::new();
            segment.size = len;
            let stopped = segment.scan(shared, good, |_, header, bytes| {
                let fits = notes.len() < NOTES_MAX
                    && header.base_offset >= end
                    && header.checksum_fits(bytes);
                if fits {
                    end = header.next_offset();
                    notes.push(*header);
                }
                fits
            })?;
            segment.size = good;
            for header in &notes {
                segment.note(shared, header, interval)?;
                if state.epochs.assign(header.leader_epoch, header.base_offset) {
                    state.epochs_dirty = true;
                }
            }
            good = stopped;
            if notes.len() < NOTES_MAX {
                break;
            }
        }
        if good < len {
            segment.cut(shared, good, end)?;
        }
        segment.dirty = true;
        if !is_last {
            segment.finish(shared)?;
        }
        state.log_end = end;
        state.since_index_sync += good - believed;
        Ok(good == len)
    }

    fn load_epochs(&self, state: &mut State) -> Result<(), FileError> {
        let path = self.dir.join(epochs::FILE_NAME);
        let Some(file) = open_if_there(&*self.shared.env.disk, &path, OpenMode::Read)? else {
            return Ok(());
        };
        let failed = |e| FileError::new("read", &path, e);
        let len = usize::try_from(file.len().map_err(failed)?).unwrap_or(0);
        let bytes = chronik_io::fs::read_up_to(&*file, 0, len).map_err(failed)?;
        let decoded = std::str::from_utf8(&bytes)
            .ok()
            .and_then(LeaderEpochs::decode);
        match decoded {
            Some(epochs) => state.epochs = epochs,
            None => tracing::warn!(path = %path.display(), "not a leader-epoch checkpoint"),
        }
        state.epochs.truncate_end(state.log_end);
        Ok(())
    }

    /// The greatest timestamp of a segment: from its time index and the batches after its last
    /// entry. Also completes the indexes of that tail.
    pub(super) fn reload_timestamps(
        shared: &Shared,
        segment: &mut Segment,
        is_active: bool,
    ) -> Result<(), FileError> {
        segment.max_timestamp = segment
            .times
            .last()
            .map(|last| (last.timestamp, segment.base.plus(i64::from(last.relative))));
        // The two indexes of an unsynced tail may have survived to different lengths.
        let believed = if is_active {
            segment.size.saturating_sub(shared.options.index_sync_bytes)
        } else {
            u64::MAX
        };
        let from = segment
            .offsets
            .last_where(&*shared.env.disk, |entry| {
                u64::from(entry.position) <= believed
            })?
            .map_or(0, |last| u64::from(last.position));
        let mut greatest = segment.max_timestamp;
        segment.scan_headers(shared, from, |header, _| {
            if greatest.is_none_or(|greatest| header.max_timestamp > greatest.0) {
                greatest = Some((header.max_timestamp, header.last_offset()));
            }
            true
        })?;
        segment.max_timestamp = greatest;
        segment.load_first_timestamp(shared)?;
        Ok(())
    }

    /// Rebuilds the producers' state: the newest snapshot not above the log's end, and the batches
    /// since.
    pub(super) fn rebuild_producers(&self, state: &mut State) -> Result<(), FileError> {
        let shared = &*self.shared;
        let now = shared.env.clock.wall().as_millis();
        let (mut known, mut from) = (Producers::default(), state.log_start);
        state.snapshot_at = None;
        for taken_at in self.snapshots()?.into_iter().rev() {
            if taken_at > state.log_end {
                continue;
            }
            match self.read_snapshot(taken_at)? {
                Some(mut read) => {
                    read.all_seen(now);
                    (known, from) = (read, taken_at.max(state.log_start));
                    state.snapshot_at = Some(taken_at);
                    break;
                }
                None => {
                    tracing::warn!(log = self.dir_name, %taken_at, "a producer snapshot is damaged")
                }
            }
        }
        if from < state.log_end && !state.segments.is_empty() {
            let (first, position, _) = self.boundary(state, from)?;
            let log_end = state.log_end;
            for at in first..state.segments.len() {
                let start = if at == first { position } else { 0 };
                state.segments[at].scan_headers(shared, start, |header, bytes| {
                    if header.base_offset >= from && header.base_offset < log_end {
                        let marker = Marker::parse(header, &bytes[HEADER_BYTES..]);
                        known.note(header, marker, now);
                    }
                    true
                })?;
            }
        }
        state.producers = known;
        Ok(())
    }

    /// Offsets at which there is a snapshot, ascending.
    fn snapshots(&self) -> Result<Vec<Offset>, FileError> {
        let entries = match self.shared.env.disk.list(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(FileError::new("list", &self.dir, e)),
        };
        let mut found: Vec<Offset> = entries
            .iter()
            .filter_map(|entry| entry.name.strip_suffix(".snapshot")?.parse().ok())
            .map(Offset::new)
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    fn read_snapshot(&self, taken_at: Offset) -> Result<Option<Producers>, FileError> {
        let path = self.dir.join(producers::file_name(taken_at));
        let Some(file) = open_if_there(&*self.shared.env.disk, &path, OpenMode::Read)? else {
            return Ok(None);
        };
        let failed = |e| FileError::new("read", &path, e);
        let len = usize::try_from(file.len().map_err(failed)?).unwrap_or(0);
        let bytes = chronik_io::fs::read_up_to(&*file, 0, len).map_err(failed)?;
        Ok(producers::decode(&bytes).ok())
    }
}
