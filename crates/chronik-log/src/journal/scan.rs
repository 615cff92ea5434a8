//! Reading the journal after a stop: every operation that may have to be done again.
//!
//! Keeps I13. Reading ends at the first invalid frame. A valid frame after it proves nothing by
//! itself (frames of one window may persist in any order), unless its "durable up to", or the
//! header of a later file, says that the missing one had been synced: that is a hole. Reading
//! goes on behind it, so that what is missing can be named partition by partition.
//! Payloads stay in their files; only their places are kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chronik_io::fs::read_up_to;
use chronik_types::{Durability, LeaderEpoch, Offset, TopicName};

use super::file::{FRAMES_AT, FileHeader, JournalFile};
use super::frame::{FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, frame_bytes};
use super::record::{LogId, RECORD_HEADER_BYTES, Record, RecordHeader, State};
use crate::error::{FileError, OpenError};

/// Bytes in a journal file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Index into [`Scanned::live`].
    pub(crate) file: usize,
    pub(crate) position: u64,
    pub(crate) bytes: usize,
}

/// A numbered operation, its payload left where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    Append { base_offset: Offset, batches: Place },
    Truncate { to: Offset },
    Reset { start: Offset },
    LogStart { start: Offset },
    Epoch { epoch: LeaderEpoch, start: Offset },
}

/// What the journal says of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Traced {
    pub(crate) name: TopicName,
    pub(crate) class: Durability,
    pub(crate) state: Option<State>,
    /// Those not covered by `state`.
    pub(crate) operations: BTreeMap<u64, Operation>,
    /// The greatest operation number some later record says the journal had.
    pub(crate) journaled: u64,
    /// Whether a record behind the hole spoke of it.
    pub(crate) seen_after_hole: bool,
}

/// Where the journal is missing something it had made durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalHole {
    /// The file's name.
    pub file: String,
    /// The first byte that is not what it should be.
    pub position: u64,
    /// The sequence of the first missing frame.
    pub frame: u64,
}

/// A file's index and a byte position in it.
type Spot = (usize, u64);

/// Everything recovery needs.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Files that hold operations, oldest first.
    pub(crate) live: Vec<(FileHeader, JournalFile)>,
    /// Files that hold nothing.
    pub(crate) dead: Vec<JournalFile>,
    pub(crate) partitions: BTreeMap<LogId, Traced>,
    pub(crate) deleted: BTreeMap<LogId, TopicName>,
    pub(crate) hole: Option<JournalHole>,
    /// The sequence after the last valid frame.
    pub(crate) next_frame: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

impl Scanned {
    /// Reads all files of a journal, counting the bytes into `progress`.
    pub(crate) fn read(files: Vec<JournalFile>, progress: &AtomicU64) -> Result<Self, OpenError> {
        let mut scanned = Self::default();
        let mut by_sequence = BTreeMap::new();
        for file in files {
            match file.header()? {
                Some(header) => {
                    if let Some((_, older)) = by_sequence.insert(header.sequence, (header, file)) {
                        scanned.dead.push(older);
                    }
                }
                None => scanned.dead.push(file),
            }
        }
        // Down from the newest to the first one that is superseded or gone.
        let first_live = by_sequence
            .last_key_value()
            .map_or(0, |(_, (header, _))| header.first_live);
        let mut wanted = by_sequence.last_key_value().map(|(sequence, _)| *sequence);
        for (sequence, found) in by_sequence.into_iter().rev() {
            if wanted == Some(sequence) && sequence >= first_live {
                scanned.live.push(found);
                wanted = sequence.checked_sub(1);
            } else {
                scanned.dead.push(found.1);
            }
        }
        scanned.live.reverse();
        scanned.next_frame = scanned
            .live
            .first()
            .map_or(1, |(header, _)| header.first_frame);
        scanned.walk(progress)?;
        Ok(scanned)
    }

    /// The greatest file sequence seen.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.live.last().map_or(0, |(header, _)| header.sequence)
    }

    /// The bytes of a place.
    pub(crate) fn fetch(&self, place: Place) -> Result<Bytes, FileError> {
        let file = &self.live[place.file].1;
        read_up_to(&*file.file, place.position, place.bytes)
            .map_err(|e| FileError::new("read", &file.path, e))
    }

    fn walk(&mut self, progress: &AtomicU64) -> Result<(), OpenError> {
        let mut at = (0, FRAMES_AT);
        while at.0 < self.live.len() {
            progress.store(self.bytes, Ordering::Relaxed);
            if let Some((frame, payload)) = self.frame_at(at, Some(self.next_frame))? {
                self.visit(at, &payload)?;
                self.next_frame = frame.frame_sequence + 1;
                self.frames += 1;
                at.1 += frame_bytes(frame.payload_bytes);
                continue;
            }
            let next = self
                .live
                .get(at.0 + 1)
                .map(|(header, _)| header.first_frame);
            if next == Some(self.next_frame) {
                at = (at.0 + 1, FRAMES_AT);
                continue;
            }
            let Some((behind, frame)) = self.behind_hole(at)? else {
                return Ok(());
            };
            if self.hole.is_none() {
                self.hole = Some(JournalHole {
                    file: name_of(&self.live[at.0].1),
                    position: at.1,
                    frame: self.next_frame,
                });
            }
            for traced in self.partitions.values_mut() {
                traced.seen_after_hole = false;
            }
            self.next_frame = frame;
            at = behind;
        }
        Ok(())
    }

    /// The first place behind an invalid frame where the journal proves that it had been durable.
    fn behind_hole(&mut self, at: Spot) -> Result<Option<(Spot, u64)>, OpenError> {
        let missing = self.next_frame;
        let end = self.live[at.0].1.bytes;
        let mut position = at.1 + FRAME_ALIGN;
        while position < end {
            let here = (at.0, position);
            if let Some((frame, _)) = self.frame_at(here, None)?
                && frame.frame_sequence > missing
                && frame.durable_upto > missing
            {
                return Ok(Some((here, frame.frame_sequence)));
            }
            position += FRAME_ALIGN;
        }
        // The next file was begun only after everything before it was durable.
        let next = self
            .live
            .get(at.0 + 1)
            .map(|(header, _)| header.first_frame);
        Ok(next.map(|frame| ((at.0 + 1, FRAMES_AT), frame)))
    }

    /// A valid frame at a place, with a certain sequence or any.
    fn frame_at(
        &mut self,
        (file, position): (usize, u64),
        sequence: Option<u64>,
    ) -> Result<Option<(FrameHeader, Bytes)>, OpenError> {
        let (header, journal) = &self.live[file];
        if position + FRAME_ALIGN > journal.bytes {
            return Ok(None);
        }
        let failed = |e| FileError::new("read", &journal.path, e);
        let first = if sequence.is_some() {
            FRAME_ALIGN as usize
        } else {
            FRAME_HEADER_BYTES
        };
        let head = read_up_to(&*journal.file, position, first).map_err(failed)?;
        self.bytes += head.len() as u64;
        let Some(frame) = FrameHeader::decode(&head) else {
            return Ok(None);
        };
        let wrong = frame.file_sequence != header.sequence
            || sequence.is_some_and(|sequence| sequence != frame.frame_sequence)
            || position + frame_bytes(frame.payload_bytes) > journal.bytes;
        if wrong {
            return Ok(None);
        }
        let end = FRAME_HEADER_BYTES + frame.payload_bytes;
        let payload = if end <= head.len() {
            head.slice(FRAME_HEADER_BYTES..end)
        } else {
            let from = position + FRAME_HEADER_BYTES as u64;
            self.bytes += frame.payload_bytes as u64;
            read_up_to(&*journal.file, from, frame.payload_bytes).map_err(failed)?
        };
        Ok(frame.fits(&head, &payload).then_some((frame, payload)))
    }

    fn visit(&mut self, at: (usize, u64), payload: &Bytes) -> Result<(), OpenError> {
        let mut from = 0;
        while from < payload.len() {
            let parsed = RecordHeader::decode(&payload[from..]).and_then(|header| {
                let body = from + RECORD_HEADER_BYTES;
                let end = body + header.body_bytes;
                let record = Record::decode(header.kind, &payload.slice(body..end))?;
                Some((header, record, body, end))
            });
            let Some((header, record, body, end)) = parsed else {
                return Err(OpenError::DamagedJournal {
                    path: self.live[at.0].1.path.clone(),
                    reason: format!("an unknown record in the valid frame at byte {}", at.1),
                });
            };
            let batches_at = at.1 + (FRAME_HEADER_BYTES + body + 8) as u64;
            self.take(at.0, &header, record, batches_at);
            from = end;
        }
        Ok(())
    }

    fn take(&mut self, file: usize, header: &RecordHeader, record: Record, batches_at: u64) {
        let id = header.id;
        let operation = match record {
            Record::Create { name, class } => {
                self.deleted.remove(&id);
                self.partitions
                    .entry(id)
                    .or_insert_with(|| Traced::new(name, class));
                return;
            }
            Record::State(state) => {
                self.deleted.remove(&id);
                let traced = self
                    .partitions
                    .entry(id)
                    .or_insert_with(|| Traced::new(state.name.clone(), state.class));
                traced.class = state.class;
                traced.journaled = traced.journaled.max(state.journaled);
                traced.operations = traced.operations.split_off(&(state.covered + 1));
                traced.seen_after_hole = true;
                traced.state = Some(state);
                return;
            }
            Record::Delete { name } => {
                self.partitions.remove(&id);
                self.deleted.insert(id, name);
                return;
            }
            Record::Append {
                base_offset,
                batches,
            } => Operation::Append {
                base_offset,
                batches: Place {
                    file,
                    position: batches_at,
                    bytes: batches.len(),
                },
            },
            Record::Truncate { to } => Operation::Truncate { to },
            Record::Reset { start } => Operation::Reset { start },
            Record::LogStart { start } => Operation::LogStart { start },
            Record::Epoch { epoch, start } => Operation::Epoch { epoch, start },
        };
        let Some(traced) = self.partitions.get_mut(&id) else {
            return;
        };
        traced.seen_after_hole = true;
        traced.journaled = traced.journaled.max(header.operation);
        if header.operation > traced.covered() {
            traced
                .operations
                .entry(header.operation)
                .or_insert(operation);
        }
    }
}

impl Traced {
    fn new(name: TopicName, class: Durability) -> Self {
        Self {
            name,
            class,
            state: None,
            operations: BTreeMap::new(),
            journaled: 0,
            seen_after_hole: true,
        }
    }

    pub(crate) fn covered(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.covered)
    }

    /// The first operation number that should be there and is not.
    pub(crate) fn first_missing(&self) -> Option<u64> {
        let mut next = self.covered() + 1;
        for number in self.operations.keys() {
            if *number != next {
                return Some(next);
            }
            next += 1;
        }
        (next <= self.journaled).then_some(next)
    }
}

pub(crate) fn name_of(file: &JournalFile) -> String {
    file.path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
