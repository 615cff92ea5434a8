//! One entry of the metadata log: all records of one decision batch, and the state they rest on.
//!
//! ```text
//! entry: version u8, decided_on option u64, count u32, records
//! ```
//! Keeps I15: `decided_on` is the last decision that the batch was computed on, and the fold takes
//! the entry only if that is the last one it has applied.

use std::fmt;

use bytes::Bytes;
use chronik_types::LogIndex;

use crate::codec::{DecodeError, Reader, Writer};
use crate::record::MetadataRecord;

const VERSION: u8 = 0;

/// The records of one decision batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataEntry {
    /// The last decision before this one; `None` only in a barrier, which is unconditional.
    pub decided_on: Option<LogIndex>,
    /// The facts, in order. A barrier has none.
    pub records: Vec<MetadataRecord>,
}

/// An entry that is larger than [`MetadataEntry::MAX_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryTooLarge {
    /// Its length.
    pub bytes: usize,
}

impl fmt::Display for EntryTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a metadata entry of {} bytes is larger than {}",
            self.bytes,
            MetadataEntry::MAX_LEN
        )
    }
}

impl std::error::Error for EntryTooLarge {}

impl MetadataEntry {
    /// The most bytes an entry may take: enough to fence a broker with 100,000 partitions.
    pub const MAX_LEN: usize = 8 * 1024 * 1024;

    /// What an entry takes besides its records, at most.
    pub const OVERHEAD: usize = 1 + 9 + 4;

    /// The entry a new controller writes first: it applies whatever came before, and counts as a
    /// decision, so that late proposals of an earlier controller become no-ops.
    #[must_use]
    pub const fn barrier() -> Self {
        Self {
            decided_on: None,
            records: Vec::new(),
        }
    }

    /// A batch computed on the state after the decision `on`.
    #[must_use]
    pub const fn decided(on: LogIndex, records: Vec<MetadataRecord>) -> Self {
        Self {
            decided_on: Some(on),
            records,
        }
    }

    /// Whether it is a barrier.
    #[must_use]
    pub const fn is_barrier(&self) -> bool {
        self.decided_on.is_none()
    }

    /// Its bytes.
    pub fn encode(&self) -> Result<Bytes, EntryTooLarge> {
        let mut w = Writer::default();
        w.u8(VERSION);
        w.option(self.decided_on, |w, index| w.u64(index.get()));
        w.list(self.records.iter(), |w, record| record.write(w));
        match w.bytes.len() {
            0..=Self::MAX_LEN => Ok(w.bytes.into()),
            bytes => Err(EntryTooLarge { bytes }),
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let version = r.u8()?;
        if version > VERSION {
            return Err(DecodeError::UnsupportedVersion {
                what: "a metadata entry",
                version,
                newest: VERSION,
            });
        }
        let decided_on = r.option(|r| Ok(LogIndex::new(r.u64()?)))?;
        let records = r.list(MetadataRecord::read)?;
        r.end()?;
        if decided_on.is_none() && !records.is_empty() {
            return Err(DecodeError::Invalid {
                what: "a barrier with records",
            });
        }
        Ok(Self {
            decided_on,
            records,
        })
    }
}

impl fmt::Display for MetadataEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decided_on {
            None => f.write_str("barrier"),
            Some(on) => write!(f, "{} records decided on {on}", self.records.len()),
        }
    }
}
