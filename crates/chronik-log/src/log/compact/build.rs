//! The first reading of a pass: the last offset of every key in the dirty part.

use chronik_protocol::OpenBatch;
use chronik_types::Offset;

use super::filter::OPEN_BYTES_MAX;
use super::offset_map::OffsetMap;
use super::source::{CleanError, Met, Walk};
use super::transactions::Aborted;

/// Reads the dirty segments into the map.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) walk: Walk,
    pub(super) map: OffsetMap,
    pub(super) aborted: Aborted,
    /// Whether `aborted` is what the whole log says.
    pub(super) knows_aborted: bool,
    /// The dirty part begins here.
    pub(super) first: Offset,
    /// The map knows every key of the dirty part below (exclusive).
    pub(super) upto: Offset,
    /// The dirty part ends here (exclusive).
    pub(super) end: Offset,
}

/// How a step ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// So many bytes were read; there is more.
    More(u64),
    /// There is nothing more, or the map is full.
    Done,
    /// There are transactions, and which were aborted is not known.
    AskAborted,
}

impl Build {
    /// Reads about a chunk.
    pub(super) fn step(&mut self) -> Result<Step, CleanError> {
        let met = self.walk.next()?;
        if met.is_empty() {
            self.upto = self.end;
            return Ok(Step::Done);
        }
        let mut bytes = 0;
        for met in met {
            bytes += met.batch.len() as u64;
            if met.header.is_transactional() && !self.knows_aborted {
                return Ok(Step::AskAborted);
            }
            let counts = !met.header.is_control()
                && met.header.next_offset() > self.first
                && !self.aborted.contains(&met.header);
            if counts && !self.put(&met)? {
                return Ok(Step::Done);
            }
            self.upto = self.upto.max(met.header.next_offset());
        }
        Ok(Step::More(bytes))
    }

    /// False once the map is full.
    fn put(&mut self, met: &Met) -> Result<bool, CleanError> {
        // One that cannot be opened was stored unopened and stays as it is: see the filter.
        let Ok(open) = OpenBatch::new(&met.batch, OPEN_BYTES_MAX) else {
            return Ok(true);
        };
        let (map, first, upto) = (&mut self.map, self.first, &mut self.upto);
        let mut has_room = true;
        let walked = open.for_each(|record| {
            let offset = Offset::new(record.offset);
            if !has_room || offset < first {
                return;
            }
            has_room = record.key.is_none_or(|key| map.put(key, offset));
            if has_room {
                *upto = offset.next();
            }
        });
        // What was read before the record that cannot be is as good as any.
        Ok(has_room || walked.is_err())
    }
}

/// Reads a whole log for the transactions that were aborted.
#[derive(Debug)]
pub(super) struct FindAborted {
    pub(super) walk: Walk,
    pub(super) aborted: Aborted,
}

impl FindAborted {
    /// Reads about a chunk.
    pub(super) fn step(&mut self) -> Result<Step, CleanError> {
        let met = self.walk.next()?;
        if met.is_empty() {
            return Ok(Step::Done);
        }
        let mut bytes = 0;
        for met in met {
            bytes += met.batch.len() as u64;
            if self.aborted.read(&met.header, &met.batch).is_err() {
                let source = &self.walk.sources[met.source];
                return Err(source.corrupt(met.position, "too many aborted transactions"));
            }
        }
        Ok(Step::More(bytes))
    }
}
