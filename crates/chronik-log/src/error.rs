//! Failures, one enum per operation, each with its facts.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chronik_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition};

/// A failed file operation: what was tried on which file.
#[derive(Debug)]
pub struct FileError {
    /// What was being done, as in "write".
    pub action: &'static str,
    /// To what.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether the system had no room for it: the disk, a quota, or the files a process may have
    /// open. Nothing was damaged, and it can be tried again.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let full = matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
        );
        full || chronik_io::is_too_many_open_files(&self.source)
    }

    /// Whether the file or directory is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.action,
            self.path.display(),
            self.source
        )
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Why a data directory's logs cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The disk refused.
    File(FileError),
    /// The journal was written by a newer release.
    NewerJournal {
        /// Which file.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// The journal cannot be read at all.
    DamagedJournal {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl From<FileError> for OpenError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::NewerJournal { path, version } => write!(
                f,
                "{} has journal format {version}, which only a newer release reads",
                path.display()
            ),
            Self::DamagedJournal { path, reason } => {
                write!(f, "{} is damaged: {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// Why a partition's log cannot be created or changed.
#[derive(Debug)]
pub enum LogError {
    /// It exists already.
    Exists(TopicPartition),
    /// Its directory belongs to another topic of that name which is still there.
    NameTaken(TopicPartition),
    /// Recovery found it damaged; the reason is in the report.
    Offline(TopicPartition),
    /// It is not here (any more).
    NotFound,
    /// The offset is outside the log.
    OutOfRange {
        /// What was asked for.
        asked: Offset,
        /// Where the log starts.
        log_start: Offset,
        /// Where it ends, exclusive.
        log_end: Offset,
    },
    /// A truncation, reset, deletion or class change is under way.
    Busy,
    /// The disk refused.
    File(FileError),
    /// A segment is not what it should be: where and how.
    Corrupt(String),
    /// The manager is closed.
    Closed,
}

impl From<FileError> for LogError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(partition) => write!(f, "the log of {partition} exists"),
            Self::NameTaken(partition) => {
                write!(f, "another topic holds the directory of {partition}")
            }
            Self::Offline(partition) => write!(f, "the log of {partition} is damaged"),
            Self::NotFound => f.write_str("no such log"),
            Self::OutOfRange {
                asked,
                log_start,
                log_end,
            } => write!(f, "{asked} is outside {log_start}..{log_end}"),
            Self::Busy => f.write_str("the log is being truncated, deleted or switched"),
            Self::File(error) => error.fmt(f),
            Self::Corrupt(what) => f.write_str(what),
            Self::Closed => f.write_str("the log manager is closed"),
        }
    }
}

impl std::error::Error for LogError {}

/// Why a batch was not appended.
#[derive(Debug)]
pub enum AppendError {
    /// The bytes are not exactly one batch (leader) or not consecutive batches (follower).
    Malformed,
    /// A follower's batch does not start at the log's end.
    NotContiguous {
        /// Where the log ends.
        log_end: Offset,
        /// Where the batch starts.
        base_offset: Offset,
    },
    /// Idempotence: the sequence does not follow the last one.
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// What should have come.
        expected: Sequence,
        /// What came.
        got: Sequence,
    },
    /// Idempotence: a newer instance of the producer has written.
    InvalidProducerEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// The newest epoch seen.
        current: ProducerEpoch,
        /// The batch's epoch.
        got: ProducerEpoch,
    },
    /// The log has seen a newer leader epoch.
    StaleLeaderEpoch {
        /// The newest.
        latest: LeaderEpoch,
    },
    /// The batch is larger than a segment may be.
    LargerThanSegment {
        /// Bytes of the batch.
        bytes: u64,
        /// `segment.bytes`.
        max: u64,
    },
    /// The disk is full; nothing of the batch was kept.
    Storage(FileError),
    /// The node is ending because the disk failed.
    Fatal,
    /// A truncation, reset, deletion or class change is under way.
    Busy,
    /// The log was deleted or is closed.
    Closed,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a batch"),
            Self::NotContiguous {
                log_end,
                base_offset,
            } => write!(f, "a batch at {base_offset} after the log's end {log_end}"),
            Self::OutOfOrderSequence {
                producer_id,
                expected,
                got,
            } => write!(
                f,
                "producer {producer_id} sent sequence {} where {} follows",
                got.get(),
                expected.get()
            ),
            Self::InvalidProducerEpoch {
                producer_id,
                current,
                got,
            } => write!(
                f,
                "producer {producer_id} epoch {got} is older than {current}"
            ),
            Self::StaleLeaderEpoch { latest } => {
                write!(f, "the log has a newer leader epoch, {latest}")
            }
            Self::LargerThanSegment { bytes, max } => write!(
                f,
                "a batch of {bytes} bytes exceeds segment.bytes, which is {max}"
            ),
            Self::Storage(error) => error.fmt(f),
            Self::Fatal => f.write_str("the node is ending because its disk failed"),
            Self::Busy => f.write_str("the log is being truncated, deleted or switched"),
            Self::Closed => f.write_str("the log is closed"),
        }
    }
}

impl std::error::Error for AppendError {}

/// Why a range could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// Below the log's start or above its end.
    OutOfRange {
        /// What was asked for.
        asked: Offset,
        /// Where the log starts.
        log_start: Offset,
        /// Where it ends, exclusive.
        log_end: Offset,
    },
    /// What the file holds is not what was appended.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The first byte that does not begin a batch.
        position: u64,
    },
    /// The disk refused.
    File(FileError),
    /// The log was deleted.
    Closed,
}

impl From<FileError> for ReadError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange {
                asked,
                log_start,
                log_end,
            } => write!(f, "{asked} is outside {log_start}..{log_end}"),
            Self::Corrupt { path, position } => {
                write!(f, "{} has no batch at byte {position}", path.display())
            }
            Self::File(error) => error.fmt(f),
            Self::Closed => f.write_str("the log is closed"),
        }
    }
}

impl std::error::Error for ReadError {}
