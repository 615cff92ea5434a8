//! Reading ranges of whole batches. The lock is held only to find the segment; the file is read
//! without it, and again if a truncation or a compaction came between.

use std::sync::Arc;

use bytes::Bytes;
use chronik_io::fs::{File, read_up_to};
use chronik_types::Offset;

use super::{Gate, PartitionLog};
use crate::batch::{HEADER_BYTES, Header, headers};
use crate::error::{FileError, ReadError};
use crate::index::{OffsetEntry, WrittenPart};

/// The least that is read at once while looking for the first batch.
const LOOK_BYTES: u64 = 16 << 10;

/// A range of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogRead {
    /// Whole batches, verbatim; the first may begin before the offset asked for.
    pub batches: Bytes,
    /// The offset after the last record in it, or the one asked for if it is empty.
    pub next_offset: Offset,
}

/// What is known under the lock about where to look.
struct Place {
    file: Arc<dyn File>,
    path: std::path::PathBuf,
    base: Offset,
    size: u64,
    tail_entry: Option<OffsetEntry>,
    written: WrittenPart<OffsetEntry>,
    generation: (u64, u64),
    next_base: Option<Offset>,
}

impl PartitionLog {
    /// Reads whole batches from the one that holds `from` on: at most `bytes_max` bytes and only
    /// batches that end below `upto` (exclusive). With `at_least_one` the first batch is returned
    /// whatever its size. An empty range is no error; an offset below the log's start or above
    /// its end is.
    pub fn read(
        &self,
        from: Offset,
        bytes_max: usize,
        upto: Offset,
        at_least_one: bool,
    ) -> Result<LogRead, ReadError> {
        let mut from = from;
        loop {
            let Some(place) = self.find(from, upto)? else {
                return Ok(LogRead {
                    batches: Bytes::new(),
                    next_offset: from,
                });
            };
            let generation = place.generation;
            let next_base = place.next_base;
            let read = self.read_segment(place, from, bytes_max, upto, at_least_one);
            if self.lock().generations() != generation {
                continue;
            }
            match (read?, next_base) {
                (Some(read), _) => return Ok(read),
                (None, Some(next)) if next < upto => from = next,
                (None, _) => {
                    return Ok(LogRead {
                        batches: Bytes::new(),
                        next_offset: from,
                    });
                }
            }
        }
    }

    fn find(&self, from: Offset, upto: Offset) -> Result<Option<Place>, ReadError> {
        let mut state = self.lock();
        if matches!(state.gate, Gate::Deleted | Gate::Offline) {
            return Err(ReadError::Closed);
        }
        if from < state.log_start || from > state.log_end {
            return Err(ReadError::OutOfRange {
                asked: from,
                log_start: state.log_start,
                log_end: state.log_end,
            });
        }
        if from >= upto.min(state.log_end) {
            return Ok(None);
        }
        let generation = state.generations();
        let at = state.segment_of(from).unwrap_or(0);
        let next_base = state.segments.get(at + 1).map(|segment| segment.base);
        let Some(segment) = state.segments.get_mut(at) else {
            return Ok(None);
        };
        let relative = from.get() - segment.base.get();
        Ok(Some(Place {
            file: segment.file_to_read(&self.shared)?,
            path: segment.path.clone(),
            base: segment.base,
            size: segment.size,
            tail_entry: segment
                .offsets
                .last_in_tail(|entry| i64::from(entry.relative) <= relative),
            written: segment.offsets.written_part(),
            generation,
            next_base,
        }))
    }

    /// `None` if the segment has no record at or after `from`.
    fn read_segment(
        &self,
        place: Place,
        from: Offset,
        bytes_max: usize,
        upto: Offset,
        at_least_one: bool,
    ) -> Result<Option<LogRead>, ReadError> {
        let relative = from.get() - place.base.get();
        let entry = match place.tail_entry {
            Some(entry) => Some(entry),
            None => place.written.last_where(&*self.shared.env.disk, |entry| {
                i64::from(entry.relative) <= relative
            })?,
        };
        let mut position = entry.map_or(0, |entry| u64::from(entry.position));
        let read_at = |position: u64, want: u64| {
            let want = want.min(place.size - position);
            read_up_to(
                &*place.file,
                position,
                usize::try_from(want).unwrap_or(usize::MAX),
            )
            .map_err(|e| ReadError::File(FileError::new("read", &place.path, e)))
        };
        let want = (bytes_max as u64).saturating_add(LOOK_BYTES);
        while position < place.size {
            let mut bytes = read_at(position, want)?;
            let mut at = 0;
            let first = loop {
                match Header::parse(&bytes[at..]) {
                    Some(header) if header.next_offset() > from => break Some(header),
                    Some(header) => {
                        at += header.size;
                        if at > bytes.len() {
                            break None;
                        }
                    }
                    None if bytes.len() - at < HEADER_BYTES => break None,
                    None => {
                        return Err(ReadError::Corrupt {
                            path: place.path,
                            position: position + at as u64,
                        });
                    }
                }
            };
            let Some(first) = first else {
                if at == 0 {
                    return Err(ReadError::Corrupt {
                        path: place.path,
                        position,
                    });
                }
                position += at as u64;
                continue;
            };
            if first.next_offset() > upto || (first.size > bytes_max && !at_least_one) {
                return Ok(Some(LogRead {
                    batches: Bytes::new(),
                    next_offset: from,
                }));
            }
            if bytes.len() - at < first.size {
                let want = first.size.max(bytes_max) as u64;
                bytes = read_at(position + at as u64, want)?;
                at = 0;
            }
            return Ok(Some(whole_batches(
                bytes.slice(at..),
                first.size.max(bytes_max),
                from,
                upto,
            )));
        }
        Ok(None)
    }
}

/// The prefix of whole batches that end below `upto` and fit into `bytes_max`.
fn whole_batches(bytes: Bytes, bytes_max: usize, from: Offset, upto: Offset) -> LogRead {
    let (mut end, mut next_offset) = (0, from);
    for (at, header) in headers(&bytes) {
        if at + header.size > bytes_max || header.next_offset() > upto {
            break;
        }
        end = at + header.size;
        next_offset = header.next_offset();
    }
    LogRead {
        batches: bytes.slice(..end),
        next_offset,
    }
}
