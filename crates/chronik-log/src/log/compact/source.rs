//! Reading closed segments batch by batch, checking everything: what is rewritten must be what
//! was written.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::fs::{Disk, File, OpenMode, read_up_to};
use chronik_protocol::BatchError;
use chronik_types::Offset;

use crate::batch::{Header, headers};
use crate::error::FileError;
use crate::index::open_if_there;

/// Bytes read at a time; a larger batch is read whole.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// Why a log was not compacted.
#[derive(Debug)]
pub(crate) enum CleanError {
    /// The disk refused.
    File(FileError),
    /// A segment is not what it should be.
    Corrupt(Corruption),
    /// The log was truncated, deleted or closed meanwhile: nothing is wrong.
    Changed,
}

/// What is wrong with a segment.
#[derive(Debug)]
pub(crate) struct Corruption {
    path: PathBuf,
    position: u64,
    reason: String,
}

impl From<FileError> for CleanError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for CleanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Corrupt(corruption) => corruption.fmt(f),
            Self::Changed => f.write_str("the log changed meanwhile"),
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, position) = (self.path.display(), self.position);
        write!(f, "{path}: byte {position}: {}", self.reason)
    }
}

/// A segment's file as it was when the pass was planned. Opened when its turn comes: a log may
/// have more segments than there are descriptors.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) base: Offset,
    pub(super) path: PathBuf,
    /// Bytes of whole batches.
    pub(super) size: u64,
}

impl Source {
    pub(super) fn corrupt(&self, position: u64, reason: impl Into<String>) -> CleanError {
        CleanError::Corrupt(Corruption {
            path: self.path.clone(),
            position,
            reason: reason.into(),
        })
    }

    pub(super) fn malformed(&self, position: u64, error: &BatchError) -> CleanError {
        self.corrupt(position, error.to_string())
    }

    fn open(&self, disk: &dyn Disk) -> Result<Arc<dyn File>, CleanError> {
        let file = open_if_there(disk, &self.path, OpenMode::Read)?;
        file.ok_or(CleanError::Changed)
    }

    /// Whole batches from `position` on, at least one.
    fn read(&self, file: &dyn File, position: u64) -> Result<Bytes, CleanError> {
        let left = usize::try_from(self.size - position).unwrap_or(usize::MAX);
        let mut want = CHUNK_BYTES.min(left);
        loop {
            let bytes = read_up_to(file, position, want)
                .map_err(|e| FileError::new("read", &self.path, e))?;
            let whole: usize = headers(&bytes).map(|(_, header)| header.size).sum();
            if whole > 0 {
                return Ok(bytes.slice(..whole));
            }
            match Header::parse(&bytes) {
                Some(header) if header.size > want && header.size <= left => want = header.size,
                Some(_) => return Err(self.corrupt(position, "a batch is cut off")),
                None => return Err(self.corrupt(position, "no batch begins here")),
            }
        }
    }
}

/// Walks segments from the first on, a chunk at a time.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) sources: Vec<Source>,
    disk: Arc<dyn Disk>,
    at: usize,
    file: Option<Arc<dyn File>>,
    position: u64,
    /// Where the last batch ended.
    end: Offset,
}

/// A batch, where it begins, and its segment's place among the sources.
pub(super) struct Met {
    pub(super) source: usize,
    pub(super) position: u64,
    pub(super) header: Header,
    pub(super) batch: Bytes,
}

impl Walk {
    pub(super) fn new(disk: &Arc<dyn Disk>, sources: Vec<Source>) -> Self {
        Self {
            sources,
            disk: Arc::clone(disk),
            at: 0,
            file: None,
            position: 0,
            end: Offset::ZERO,
        }
    }

    /// The next batches, all of one segment; none at the end.
    pub(super) fn next(&mut self) -> Result<Vec<Met>, CleanError> {
        while let Some(source) = self.sources.get(self.at) {
            if self.position >= source.size {
                self.at += 1;
                self.position = 0;
                self.file = None;
                continue;
            }
            let file = match &self.file {
                Some(file) => Arc::clone(file),
                None => source.open(&*self.disk)?,
            };
            let bytes = source.read(&*file, self.position)?;
            self.file = Some(file);
            let mut met = Vec::new();
            for (at, header) in headers(&bytes) {
                let position = self.position + at as u64;
                let batch = bytes.slice(at..at + header.size);
                if !header.checksum_fits(&batch) {
                    return Err(source.corrupt(position, "the batch's checksum does not fit"));
                }
                if header.base_offset < self.end.max(source.base) {
                    let reason = format!("offset {} after {}", header.base_offset, self.end);
                    return Err(source.corrupt(position, reason));
                }
                self.end = header.next_offset();
                met.push(Met {
                    source: self.at,
                    position,
                    header,
                    batch,
                });
            }
            self.position += bytes.len() as u64;
            return Ok(met);
        }
        Ok(Vec::new())
    }
}
