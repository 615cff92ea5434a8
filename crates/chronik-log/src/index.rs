//! Sparse indexes of a segment in Kafka's format, all integers big-endian.
//!
//! ```text
//! .index      relative offset i32 | position i32        (8 bytes per entry)
//! .timeindex  timestamp i64       | relative offset i32 (12 bytes per entry)
//! ```
//!
//! The entries written so far live in the file alone; only the tail since the last flush is in
//! memory. Invariant: keys grow from entry to entry. An index is derived from its log: a file
//! that is missing or does not fit is cut and built again.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::fs::{Disk, File, OpenMode, read_up_to};

use crate::error::FileError;

/// An entry of an index file.
pub(crate) trait Entry: Copy + std::fmt::Debug {
    /// Bytes of one entry in the file.
    const BYTES: usize;
    /// What the file's entries are ordered by.
    type Key: Ord + Copy;
    fn key(&self) -> Self::Key;
    fn write(&self, out: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Self;
}

/// Where the batch that ends at an offset begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OffsetEntry {
    /// Last offset of the batch, relative to the segment's base.
    pub(crate) relative: u32,
    /// Where the batch begins in the log file.
    pub(crate) position: u32,
}

impl Entry for OffsetEntry {
    const BYTES: usize = 8;
    type Key = u32;

    fn key(&self) -> u32 {
        self.relative
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.relative.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            relative: word(0),
            position: word(4),
        }
    }
}

/// The greatest timestamp up to an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimeEntry {
    /// Milliseconds.
    pub(crate) timestamp: i64,
    /// Last offset of the batch that has it, relative to the segment's base.
    pub(crate) relative: u32,
}

impl Entry for TimeEntry {
    const BYTES: usize = 12;
    type Key = i64;

    fn key(&self) -> i64 {
        self.timestamp
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.relative.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Self {
        let mut timestamp = [0; 8];
        timestamp.copy_from_slice(&bytes[..8]);
        Self {
            timestamp: i64::from_be_bytes(timestamp),
            relative: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        }
    }
}

/// Entries kept in memory before they are written to the file.
const TAIL_MAX: usize = 1024;

/// One index file and its unwritten tail.
#[derive(Debug)]
pub(crate) struct Index<E> {
    path: PathBuf,
    /// Entries in the file.
    written: u64,
    tail: Vec<E>,
    last: Option<E>,
    /// Whether the file has entries that were never synced.
    dirty: bool,
    /// Whether entries were taken away since the last sync: until that is durable, a crash may
    /// bring them back.
    cut: bool,
    entry: PhantomData<E>,
}

impl<E: Entry> Index<E> {
    /// An index without entries; nothing is touched on disk.
    pub(crate) fn empty(path: PathBuf) -> Self {
        Self {
            path,
            written: 0,
            tail: Vec::new(),
            last: None,
            dirty: false,
            cut: false,
            entry: PhantomData,
        }
    }

    /// Takes over the file as it is, believing its entries; only its last is read.
    pub(crate) fn open(disk: &dyn Disk, path: PathBuf) -> Result<Self, FileError> {
        let mut index = Self::empty(path);
        if let Some(file) = open_if_there(disk, &index.path, OpenMode::Read)? {
            let len = file
                .len()
                .map_err(|e| FileError::new("measure", &index.path, e))?;
            index.written = len / E::BYTES as u64;
            index.last = match index.written.checked_sub(1) {
                Some(at) => index.written_part().entry_at(&*file, at)?,
                None => None,
            };
        }
        Ok(index)
    }

    pub(crate) fn len(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.len() * E::BYTES as u64
    }

    pub(crate) fn last(&self) -> Option<E> {
        self.last
    }

    /// Adds an entry if its key is greater than the last one.
    pub(crate) fn push(&mut self, disk: &dyn Disk, entry: E) -> Result<(), FileError> {
        if self.last.is_some_and(|last| last.key() >= entry.key()) {
            return Ok(());
        }
        self.tail.push(entry);
        self.last = Some(entry);
        if self.tail.len() >= TAIL_MAX {
            self.flush(disk)?;
        }
        Ok(())
    }

    /// Writes the tail to the file's page cache.
    pub(crate) fn flush(&mut self, disk: &dyn Disk) -> Result<(), FileError> {
        if self.tail.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.tail.len() * E::BYTES);
        for entry in &self.tail {
            entry.write(&mut bytes);
        }
        let at = self.written * E::BYTES as u64;
        let file = disk
            .open(&self.path, OpenMode::CreateOrOpen)
            .map_err(|e| FileError::new("open", &self.path, e))?;
        file.write_at(&[Bytes::from(bytes)], at)
            .map_err(|e| FileError::new("write", &self.path, e))?;
        self.written += self.tail.len() as u64;
        self.tail.clear();
        self.dirty = true;
        Ok(())
    }

    /// The file if it has entries that were never synced.
    pub(crate) fn dirty_file(&self, disk: &dyn Disk) -> Result<Option<Arc<dyn File>>, FileError> {
        if self.dirty {
            open_if_there(disk, &self.path, OpenMode::ReadWrite)
        } else {
            Ok(None)
        }
    }

    /// Whether entries wait for a sync.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty || self.cut || !self.tail.is_empty()
    }

    /// The file, made if there are no entries.
    pub(crate) fn whole_file(&self, disk: &dyn Disk) -> Result<Arc<dyn File>, FileError> {
        disk.open(&self.path, OpenMode::CreateOrOpen)
            .map_err(|e| FileError::new("open", &self.path, e))
    }

    /// Gives the file another name.
    pub(crate) fn rename(&mut self, disk: &dyn Disk, to: PathBuf) -> Result<(), FileError> {
        disk.rename(&self.path, &to)
            .map_err(|e| FileError::new("rename", &to, e))?;
        self.path = to;
        Ok(())
    }

    /// What was written will be synced, or the process ends.
    pub(crate) fn set_clean(&mut self) {
        self.dirty = false;
        self.cut = false;
    }

    /// Whether it has to be synced before the recovery point may be raised.
    pub(crate) fn must_be_synced(&self) -> bool {
        self.cut
    }

    /// After a crash: reads the whole file and keeps the entries up to the first that does not
    /// follow the one before or for which `holds` does not. What was not synced may be zeros.
    pub(crate) fn retain_checked(
        &mut self,
        disk: &dyn Disk,
        holds: impl Fn(&E) -> bool,
    ) -> Result<(), FileError> {
        let Some(file) = open_if_there(disk, &self.path, OpenMode::ReadWrite)? else {
            return Ok(());
        };
        let failed = |e| FileError::new("read", &self.path, e);
        let len = file.len().map_err(failed)?;
        let bytes = read_up_to(&*file, 0, usize::try_from(len).unwrap_or(usize::MAX));
        let bytes = bytes.map_err(failed)?;
        (self.last, self.written) = (None, 0);
        for entry in bytes.chunks_exact(E::BYTES).map(E::read) {
            if !holds(&entry) || self.last.is_some_and(|last| last.key() >= entry.key()) {
                break;
            }
            self.last = Some(entry);
            self.written += 1;
        }
        let keep = self.written * E::BYTES as u64;
        if keep != len {
            file.set_len(keep)
                .map_err(|e| FileError::new("truncate", &self.path, e))?;
            self.dirty = true;
            self.cut = true;
        }
        Ok(())
    }

    /// The last entry for which `holds`, if the tail has one; `holds` must hold for a prefix.
    pub(crate) fn last_in_tail(&self, holds: impl Fn(&E) -> bool) -> Option<E> {
        let count = self.tail.partition_point(holds);
        count
            .checked_sub(1)
            .and_then(|at| self.tail.get(at).copied())
    }

    /// The part that must be read from the file, to be searched without holding a lock.
    pub(crate) fn written_part(&self) -> WrittenPart<E> {
        WrittenPart {
            path: self.path.clone(),
            entries: self.written,
            entry: PhantomData,
        }
    }

    /// The last entry for which `holds`, which must hold for a prefix of the entries.
    pub(crate) fn last_where(
        &self,
        disk: &dyn Disk,
        holds: impl Fn(&E) -> bool,
    ) -> Result<Option<E>, FileError> {
        match self.last_in_tail(&holds) {
            Some(entry) => Ok(Some(entry)),
            None => self.written_part().last_where(disk, holds),
        }
    }

    /// Keeps the prefix of entries for which `holds`; the file is cut too.
    pub(crate) fn retain_prefix(
        &mut self,
        disk: &dyn Disk,
        holds: impl Fn(&E) -> bool,
    ) -> Result<(), FileError> {
        let in_tail = self.tail.partition_point(&holds);
        self.tail.truncate(in_tail);
        if in_tail > 0 {
            self.last = self.tail.last().copied();
            return Ok(());
        }
        self.last = None;
        let Some(file) = open_if_there(disk, &self.path, OpenMode::ReadWrite)? else {
            self.written = 0;
            return Ok(());
        };
        let found = self.written_part().search(&*file, holds)?;
        self.last = found.map(|(_, entry)| entry);
        self.written = found.map_or(0, |(at, _)| at + 1);
        let cut = |e| FileError::new("truncate", &self.path, e);
        let len = self.written * E::BYTES as u64;
        if file.len().map_err(cut)? != len {
            file.set_len(len).map_err(cut)?;
            self.dirty = true;
            self.cut = true;
        }
        Ok(())
    }
}

/// The entries of an index that are in its file.
#[derive(Clone, Debug)]
pub(crate) struct WrittenPart<E> {
    path: PathBuf,
    entries: u64,
    entry: PhantomData<E>,
}

impl<E: Entry> WrittenPart<E> {
    /// The last entry for which `holds`, which must hold for a prefix of the entries.
    pub(crate) fn last_where(
        &self,
        disk: &dyn Disk,
        holds: impl Fn(&E) -> bool,
    ) -> Result<Option<E>, FileError> {
        if self.entries == 0 {
            return Ok(None);
        }
        let Some(file) = open_if_there(disk, &self.path, OpenMode::Read)? else {
            return Ok(None);
        };
        Ok(self.search(&*file, holds)?.map(|(_, entry)| entry))
    }

    fn search(
        &self,
        file: &dyn File,
        holds: impl Fn(&E) -> bool,
    ) -> Result<Option<(u64, E)>, FileError> {
        let (mut low, mut high) = (0, self.entries);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry_at(file, middle)? {
                Some(entry) if holds(&entry) => {
                    found = Some((middle, entry));
                    low = middle + 1;
                }
                _ => high = middle,
            }
        }
        Ok(found)
    }

    fn entry_at(&self, file: &dyn File, at: u64) -> Result<Option<E>, FileError> {
        let bytes = read_up_to(file, at * E::BYTES as u64, E::BYTES)
            .map_err(|e| FileError::new("read", &self.path, e))?;
        Ok((bytes.len() == E::BYTES).then(|| E::read(&bytes)))
    }
}

/// Opens a file; `None` if there is none.
pub(crate) fn open_if_there(
    disk: &dyn Disk,
    path: &Path,
    mode: OpenMode,
) -> Result<Option<Arc<dyn File>>, FileError> {
    match disk.open(path, mode) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(FileError::new("open", path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chronik_io::fs::RealDisk;

    fn entry(relative: u32) -> OffsetEntry {
        OffsetEntry {
            relative,
            position: relative * 100,
        }
    }

    #[test]
    fn entries_are_found_in_file_and_tail_alike_and_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::new();
        let path = dir.path().join("00000000000000000000.index");
        let mut index = Index::empty(path.clone());
        for n in 1..=10 {
            index.push(&disk, entry(n * 10)).unwrap();
            if n == 6 {
                index.flush(&disk).unwrap();
            }
        }
        let found = |index: &Index<OffsetEntry>, key| {
            index
                .last_where(&disk, |e| e.relative <= key)
                .unwrap()
                .map(|e| e.relative)
        };
        assert_eq!(found(&index, 9), None);
        assert_eq!(found(&index, 35), Some(30));
        assert_eq!(found(&index, 60), Some(60));
        assert_eq!(found(&index, 79), Some(70));
        assert_eq!(found(&index, 1000), Some(100));
        index.flush(&disk).unwrap();
        let mut index = Index::<OffsetEntry>::open(&disk, path).unwrap();
        assert_eq!((index.len(), index.last()), (10, Some(entry(100))));
        index.retain_prefix(&disk, |e| e.position < 5_000).unwrap();
        assert_eq!((index.len(), index.last()), (4, Some(entry(40))));
        index.push(&disk, entry(40)).unwrap();
        assert_eq!(index.len(), 4, "a key that does not grow is not added");
    }
}
