//! The bytes of a segment file.
//!
//! ```text
//! segment: header, batches, zeros
//! header:  "CHRKRAFT", version u16, sequence number of the segment u64, CRC-32C of these u32
//! batch:   magic u32, number u64, length u32, CRC-32C of number, length and body u32, body
//! body:    items, each: kind u8, sized bytes
//! ```
//! A batch is what one sync covers. Its number is one more than that of the batch before it, in all
//! segments, and it is written only when that one is durable. So a batch that cannot be read is a
//! torn tail if no later number follows, and damage if one does.

use bytes::Bytes;
use chronik_controller::codec::{DecodeError, Reader, Writer};
use crc_fast::{CrcAlgorithm, checksum};

use crate::types::{Entry, LogId, Vote};
use crate::wire;

const FILE_MAGIC: &[u8; 8] = b"CHRKRAFT";
const FILE_VERSION: u16 = 0;
pub(crate) const HEADER_LEN: usize = 8 + 2 + 8 + 4;
const BATCH_MAGIC: u32 = 0x4352_4654;
pub(crate) const BATCH_HEADER_LEN: usize = 4 + 8 + 4 + 4;

/// CRC-32C.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).expect("a CRC-32 has 32 bits")
}

/// One thing that happened to the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Vote(Vote),
    Committed(Option<LogId>),
    Entry(Entry),
    /// Entries after this one are void.
    Truncate(Option<LogId>),
    /// Entries up to this one are not needed any more.
    Purge(LogId),
}

mod kind {
    pub(super) const VOTE: u8 = 1;
    pub(super) const COMMITTED: u8 = 2;
    pub(super) const ENTRY: u8 = 3;
    pub(super) const TRUNCATE: u8 = 4;
    pub(super) const PURGE: u8 = 5;
}

impl Item {
    pub(crate) fn write(&self, w: &mut Writer) {
        match self {
            Self::Vote(vote) => {
                w.u8(kind::VOTE);
                w.sized(|w| wire::write_vote(w, vote));
            }
            Self::Committed(id) => {
                w.u8(kind::COMMITTED);
                w.sized(|w| wire::write_optional_log_id(w, id.as_ref()));
            }
            Self::Entry(entry) => {
                w.u8(kind::ENTRY);
                w.sized(|w| wire::write_entry(w, entry));
            }
            Self::Truncate(id) => {
                w.u8(kind::TRUNCATE);
                w.sized(|w| wire::write_optional_log_id(w, id.as_ref()));
            }
            Self::Purge(id) => {
                w.u8(kind::PURGE);
                w.sized(|w| wire::write_log_id(w, id));
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u8()?;
        let mut body = r.sized()?;
        let item = match kind {
            kind::VOTE => Self::Vote(wire::read_vote(&mut body)?),
            kind::COMMITTED => Self::Committed(wire::read_optional_log_id(&mut body)?),
            kind::ENTRY => Self::Entry(wire::read_entry(&mut body)?),
            kind::TRUNCATE => Self::Truncate(wire::read_optional_log_id(&mut body)?),
            kind::PURGE => Self::Purge(wire::read_log_id(&mut body)?),
            _ => {
                return Err(DecodeError::Invalid {
                    what: "the kind of an item of the Raft log",
                });
            }
        };
        body.end()?;
        Ok(item)
    }
}

/// All items of a batch's body.
pub(crate) fn read_items(body: &[u8]) -> Result<Vec<Item>, DecodeError> {
    let mut r = Reader::new(body);
    let mut items = Vec::new();
    while !r.is_empty() {
        items.push(Item::read(&mut r)?);
    }
    Ok(items)
}

/// The header of a segment.
pub(crate) fn file_header(sequence: u64) -> Bytes {
    let mut w = Writer::default();
    w.bytes.extend_from_slice(FILE_MAGIC);
    w.u16(FILE_VERSION);
    w.u64(sequence);
    let crc = crc32c(&w.bytes);
    w.u32(crc);
    w.bytes.into()
}

/// What the first bytes of a file say.
pub(crate) enum FileHeader {
    /// Nothing: its creation was cut off.
    Torn,
    /// A segment.
    Segment { sequence: u64 },
    /// A segment of a newer format.
    Newer { version: u16 },
}

pub(crate) fn read_file_header(bytes: &[u8]) -> FileHeader {
    let Some(header) = bytes.get(..HEADER_LEN) else {
        return FileHeader::Torn;
    };
    let mut r = Reader::new(header);
    let magic = r.take(8).is_ok_and(|magic| magic == FILE_MAGIC);
    let (Ok(version), Ok(sequence), Ok(crc)) = (r.u16(), r.u64(), r.u32()) else {
        return FileHeader::Torn;
    };
    if !magic {
        FileHeader::Torn
    } else if version > FILE_VERSION {
        FileHeader::Newer { version }
    } else if crc32c(&header[..HEADER_LEN - 4]) != crc {
        FileHeader::Torn
    } else {
        FileHeader::Segment { sequence }
    }
}

/// The header of a batch with this body.
pub(crate) fn batch_header(number: u64, body: &[u8]) -> Bytes {
    let mut w = Writer::default();
    w.u32(BATCH_MAGIC);
    w.u64(number);
    w.count(body.len());
    let crc = batch_crc(&w.bytes[4..], body);
    w.u32(crc);
    w.bytes.into()
}

fn batch_crc(number_and_length: &[u8], body: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(number_and_length);
    digest.update(body);
    u32::try_from(digest.finalize()).expect("a CRC-32 has 32 bits")
}

/// A batch in a file's bytes.
pub(crate) struct Batch<'a> {
    pub(crate) number: u64,
    pub(crate) body: &'a [u8],
}

/// The batch that starts `bytes`, if there is a whole one.
pub(crate) fn read_batch(bytes: &[u8]) -> Option<Batch<'_>> {
    let header = bytes.get(..BATCH_HEADER_LEN)?;
    let mut r = Reader::new(header);
    let (magic, number) = (r.u32().ok()?, r.u64().ok()?);
    let (len, crc) = (r.u32().ok()? as usize, r.u32().ok()?);
    if magic != BATCH_MAGIC {
        return None;
    }
    let body = bytes.get(BATCH_HEADER_LEN..)?.get(..len)?;
    (batch_crc(&header[4..16], body) == crc).then_some(Batch { number, body })
}

/// Whether a whole batch with at least this number starts anywhere in `bytes`.
pub(crate) fn holds_later_batch(bytes: &[u8], number: u64) -> bool {
    let magic = BATCH_MAGIC.to_be_bytes();
    bytes
        .windows(magic.len())
        .enumerate()
        .filter(|(_, window)| *window == magic)
        .any(|(at, _)| read_batch(&bytes[at..]).is_some_and(|batch| batch.number >= number))
}
