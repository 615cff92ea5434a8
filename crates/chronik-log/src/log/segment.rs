//! One segment of a log: the file of batches and its two indexes.
//!
//! Invariant: a file that was written stays open until its sync succeeded. Opened lazily; a
//! descriptor that is only read is kept while fewer than the set number are open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chronik_io::fs::{File, OpenMode};
use chronik_types::{Offset, Timestamp};

use crate::batch::{Batches, Header};
use crate::error::FileError;
use crate::index::{Index, OffsetEntry, TimeEntry};
use crate::shared::Shared;

/// What a segment is, for tools.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentInfo {
    /// The first offset it may hold.
    pub base_offset: Offset,
    /// Bytes of batches.
    pub bytes: u64,
    /// The greatest timestamp in it.
    pub max_timestamp: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    file: Option<Arc<dyn File>>,
    /// Written since the last sync began.
    pub(super) dirty: bool,
    pub(super) offsets: Index<OffsetEntry>,
    pub(super) times: Index<TimeEntry>,
    /// The greatest timestamp and the last offset of the first batch that has it.
    pub(super) max_timestamp: Option<(i64, Offset)>,
    /// The greatest timestamp of the first batch, by which its age counts.
    pub(super) first_timestamp: Option<i64>,
    /// Wall-clock milliseconds when it was begun, or last written before the last start: the age of
    /// a segment without timestamps.
    pub(super) begun: i64,
    /// Bytes since the last index entry.
    since_index: u64,
}

/// The name of a file of the segment at `base`.
pub(super) fn file_name(base: Offset, suffix: &str) -> String {
    format!("{:020}{suffix}", base.get())
}

impl Segment {
    /// A segment without files; they appear with the first write.
    pub(super) fn new(dir: &Path, base: Offset, begun: i64) -> Self {
        Self {
            base,
            path: dir.join(file_name(base, ".log")),
            size: 0,
            file: None,
            dirty: false,
            offsets: Index::empty(dir.join(file_name(base, ".index"))),
            times: Index::empty(dir.join(file_name(base, ".timeindex"))),
            max_timestamp: None,
            first_timestamp: None,
            begun,
            since_index: 0,
        }
    }

    /// The same under other names: a segment being written to take others' place.
    pub(super) fn new_cleaned(dir: &Path, base: Offset, begun: i64) -> Self {
        let name = |suffix: &str| dir.join(file_name(base, &format!("{suffix}.cleaned")));
        Self {
            path: name(".log"),
            offsets: Index::empty(name(".index")),
            times: Index::empty(name(".timeindex")),
            ..Self::new(dir, base, begun)
        }
    }

    pub(super) fn info(&self) -> SegmentInfo {
        SegmentInfo {
            base_offset: self.base,
            bytes: self.size,
            max_timestamp: self.max_timestamp.map(|max| Timestamp::from_millis(max.0)),
        }
    }

    /// The open file, for writing.
    pub(super) fn file_to_write(&mut self, shared: &Shared) -> Result<Arc<dyn File>, FileError> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = shared
            .env
            .disk
            .open(&self.path, OpenMode::CreateOrOpen)
            .map_err(|e| FileError::new("open", &self.path, e))?;
        let before = shared.open_files.fetch_add(1, Ordering::Relaxed);
        if before == shared.options.open_files_max / 2 {
            // A checkpoint syncs what is dirty, and what is not can be closed.
            shared.housekeeping.notify_one();
        }
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// The file for reading: kept open if there is room for that.
    pub(super) fn file_to_read(&mut self, shared: &Shared) -> Result<Arc<dyn File>, FileError> {
        let room = shared.open_files.load(Ordering::Relaxed) < shared.options.open_files_max;
        if room || self.file.is_some() {
            return self.file_to_write(shared);
        }
        shared
            .env
            .disk
            .open(&self.path, OpenMode::Read)
            .map_err(|e| FileError::new("open", &self.path, e))
    }

    /// Whether its file can be written without opening it.
    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Whether nothing of it waits for a sync.
    pub(super) fn is_synced(&self) -> bool {
        !self.dirty && !self.offsets.is_dirty() && !self.times.is_dirty()
    }

    /// Closes the file unless it has unsynced bytes.
    pub(super) fn close_if_clean(&mut self, shared: &Shared) {
        if !self.dirty && self.file.take().is_some() {
            shared.open_files.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Writes whole batches at the end, into the page cache. After an error the file is as it
    /// was, or the error says that cutting it failed too ([`FileError::is_full`] is false then).
    pub(super) fn write(&mut self, shared: &Shared, batches: &Batches) -> Result<(), FileError> {
        let file = self.file_to_write(shared)?;
        self.dirty = true;
        if let Err(error) = file.write_at(&batches.pieces(), self.size) {
            file.set_len(self.size)
                .map_err(|e| FileError::new("cut back", &self.path, e))?;
            return Err(FileError::new("write", &self.path, error));
        }
        Ok(())
    }

    /// Takes note of a batch written at the end.
    pub(super) fn note(
        &mut self,
        shared: &Shared,
        header: &Header,
        interval: u64,
    ) -> Result<(), FileError> {
        let disk = &*shared.env.disk;
        let last = header.last_offset();
        if self.first_timestamp.is_none() {
            self.first_timestamp = Some(header.max_timestamp);
        }
        if self
            .max_timestamp
            .is_none_or(|max| max.0 < header.max_timestamp)
        {
            self.max_timestamp = Some((header.max_timestamp, last));
        }
        if self.since_index > interval {
            let position = u32::try_from(self.size).unwrap_or(u32::MAX);
            self.offsets.push(
                disk,
                OffsetEntry {
                    relative: self.relative(last),
                    position,
                },
            )?;
            self.push_time(shared)?;
            self.since_index = 0;
        }
        self.since_index += header.size as u64;
        self.size += header.size as u64;
        Ok(())
    }

    fn push_time(&mut self, shared: &Shared) -> Result<(), FileError> {
        let Some((timestamp, offset)) = self.max_timestamp else {
            return Ok(());
        };
        let relative = self.relative(offset);
        self.times.push(
            &*shared.env.disk,
            TimeEntry {
                timestamp,
                relative,
            },
        )
    }

    /// Completes the indexes of a segment that will not be appended to, in the page cache.
    pub(super) fn finish(&mut self, shared: &Shared) -> Result<(), FileError> {
        self.push_time(shared)?;
        self.flush_indexes(shared)
    }

    pub(super) fn flush_indexes(&mut self, shared: &Shared) -> Result<(), FileError> {
        self.offsets.flush(&*shared.env.disk)?;
        self.times.flush(&*shared.env.disk)
    }

    fn relative(&self, offset: Offset) -> u32 {
        u32::try_from(offset.get() - self.base.get()).unwrap_or(u32::MAX)
    }

    /// Whether `last_offset` can be written relative to the base.
    pub(super) fn can_hold(&self, last_offset: Offset) -> bool {
        i32::try_from(last_offset.get() - self.base.get()).is_ok()
    }

    /// Cuts the file and everything derived from it to `size`; the caller says what the greatest
    /// timestamp is now.
    pub(super) fn cut(&mut self, shared: &Shared, size: u64, end: Offset) -> Result<(), FileError> {
        let file = self.file_to_write(shared)?;
        file.set_len(size)
            .map_err(|e| FileError::new("truncate", &self.path, e))?;
        self.dirty = true;
        self.size = size;
        let disk = &*shared.env.disk;
        self.offsets
            .retain_prefix(disk, |entry| u64::from(entry.position) < size)?;
        let relative = self.relative(end);
        self.times
            .retain_prefix(disk, |entry| entry.relative < relative)?;
        self.since_index = 0;
        Ok(())
    }

    /// Opens the files that are there, believing the first `size` bytes and the index entries
    /// that point into them.
    pub(super) fn open(
        shared: &Shared,
        dir: &Path,
        base: Offset,
        begun: i64,
    ) -> Result<Self, FileError> {
        let mut segment = Self::new(dir, base, begun);
        let disk = &*shared.env.disk;
        segment.offsets = Index::open(disk, dir.join(file_name(base, ".index")))?;
        segment.times = Index::open(disk, dir.join(file_name(base, ".timeindex")))?;
        let file = disk
            .open(&segment.path, OpenMode::Read)
            .map_err(|e| FileError::new("open", &segment.path, e))?;
        segment.size = file
            .len()
            .map_err(|e| FileError::new("measure", &segment.path, e))?;
        // Records without timestamps age from when they were written.
        segment.begun = file.modified().map_or(begun, |time| time.as_millis());
        Ok(segment)
    }

    /// Reads the timestamp of the first batch, by which the segment's age counts.
    pub(super) fn load_first_timestamp(&mut self, shared: &Shared) -> Result<(), FileError> {
        self.first_timestamp = None;
        if self.size > 0 {
            let file = self.file_to_read(shared)?;
            let bytes = chronik_io::fs::read_up_to(&*file, 0, crate::batch::HEADER_BYTES)
                .map_err(|e| FileError::new("read", &self.path, e))?;
            self.first_timestamp = Header::parse(&bytes).map(|header| header.max_timestamp);
        }
        Ok(())
    }

    /// Visits the headers of whole batches from `position` up to the end, in order, and reads
    /// little else: a batch's records are skipped, but for the few bytes of a control batch, which
    /// come with its header. Returns where it stopped.
    pub(super) fn scan_headers(
        &mut self,
        shared: &Shared,
        mut position: u64,
        mut visit: impl FnMut(&Header, &[u8]) -> bool,
    ) -> Result<u64, FileError> {
        const BLOCK: usize = 4096;
        let file = self.file_to_read(shared)?;
        let (mut bytes, mut read_at) = (Bytes::new(), position);
        let mut want = BLOCK;
        while position < self.size {
            let at = usize::try_from(position - read_at).unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            let header = Header::parse(rest);
            let whole = header.filter(|header| header.size as u64 <= self.size - position);
            match (header, whole) {
                (_, Some(header)) if !header.is_control() || rest.len() >= header.size => {
                    if !visit(&header, &rest[..rest.len().min(header.size)]) {
                        return Ok(position);
                    }
                    position += header.size as u64;
                    want = BLOCK;
                    continue;
                }
                (_, Some(control)) => want = control.size.max(BLOCK),
                (Some(_), None) => return Ok(position),
                // Not a header, or the block ends in it.
                (None, None) if at == 0 && !rest.is_empty() => return Ok(position),
                (None, None) => {}
            }
            let left = usize::try_from(self.size - position).unwrap_or(usize::MAX);
            bytes = chronik_io::fs::read_up_to(&*file, position, want.min(left))
                .map_err(|e| FileError::new("read", &self.path, e))?;
            read_at = position;
            if bytes.is_empty() {
                return Ok(position);
            }
        }
        Ok(position)
    }

    /// Reads whole batches from `position` up to the end, in order.
    pub(super) fn scan(
        &mut self,
        shared: &Shared,
        mut position: u64,
        mut visit: impl FnMut(u64, &Header, &Bytes) -> bool,
    ) -> Result<u64, FileError> {
        const CHUNK: usize = 1 << 18;
        let file = self.file_to_read(shared)?;
        let mut want = CHUNK;
        while position < self.size {
            let left = usize::try_from(self.size - position).unwrap_or(usize::MAX);
            let bytes = chronik_io::fs::read_up_to(&*file, position, want.min(left))
                .map_err(|e| FileError::new("read", &self.path, e))?;
            let mut used = 0;
            for (at, header) in crate::batch::headers(&bytes) {
                if !visit(
                    position + at as u64,
                    &header,
                    &bytes.slice(at..at + header.size),
                ) {
                    return Ok(position + at as u64);
                }
                used = at + header.size;
            }
            position += used as u64;
            if used == 0 {
                // Either a batch larger than the chunk or no batch at all.
                match Header::parse(&bytes) {
                    Some(header) if header.size <= left && header.size > want => want = header.size,
                    _ => return Ok(position),
                }
            } else {
                want = CHUNK;
            }
        }
        Ok(position)
    }
}
