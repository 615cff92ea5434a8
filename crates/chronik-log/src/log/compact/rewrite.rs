//! The second reading of a pass: a group of segments goes through the filter into one new file.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chronik_io::fs::File;

use super::filter::{Filter, Verdict};
use super::source::{CleanError, Walk};
use crate::batch::{Batches, Header};
use crate::error::FileError;
use crate::log::segment::Segment;
use crate::shared::Shared;

/// The greatest size of a log file: a position in an index is an i32 for Kafka.
const LOG_BYTES_MAX: u64 = (u32::MAX >> 1) as u64;

/// An open file and its path.
type Named = (PathBuf, Arc<dyn File>);

/// A group on its way into its new segment.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub(super) shared: Arc<Shared>,
    pub(super) walk: Walk,
    pub(super) cleaned: Segment,
    /// `index.interval.bytes`
    pub(super) index_interval: u64,
}

impl Rewrite {
    /// Reads and writes about a chunk; the bytes read and written, or `None` at the end.
    pub(super) fn step(&mut self, filter: &mut Filter) -> Result<Option<(u64, u64)>, CleanError> {
        let met = self.walk.next()?;
        if met.is_empty() {
            self.cleaned.finish(&self.shared)?;
            return Ok(None);
        }
        let (mut out, mut read) = (BytesMut::new(), 0);
        for met in met {
            read += met.batch.len() as u64;
            let verdict = filter.judge(&met.header, &met.batch);
            let source = &self.walk.sources[met.source];
            match verdict.map_err(|error| source.malformed(met.position, &error))? {
                Verdict::Keep => out.extend_from_slice(&met.batch),
                Verdict::Replace(batch) => out.extend_from_slice(&batch),
                Verdict::Drop => {}
            }
            if self.cleaned.size + out.len() as u64 > LOG_BYTES_MAX {
                return Err(source.corrupt(met.position, "it would outgrow its format"));
            }
        }
        let written = out.len() as u64;
        self.write(out.freeze())?;
        Ok(Some((read, written)))
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), FileError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let batches = Batches::verbatim(bytes);
        let at = self.cleaned.size;
        self.cleaned.write(&self.shared, &batches)?;
        for (header, _) in batches.iter() {
            self.note(&header)?;
        }
        let file = self.cleaned.file_to_write(&self.shared)?;
        // Spread over the pass: the sync at its end shall not find all of it.
        file.start_writeback(at, self.cleaned.size - at);
        Ok(())
    }

    fn note(&mut self, header: &Header) -> Result<(), FileError> {
        self.cleaned.note(&self.shared, header, self.index_interval)
    }

    /// The files to sync, made if there is nothing in them.
    pub(super) fn files(&mut self) -> Result<Vec<Named>, FileError> {
        let disk = &*self.shared.env.disk;
        let path = &self.cleaned.path;
        let indexes = [
            self.cleaned.offsets.whole_file(disk)?,
            self.cleaned.times.whole_file(disk)?,
        ];
        let mut files: Vec<_> = indexes.map(|file| (path.clone(), file)).into();
        files.push((path.clone(), self.cleaned.file_to_write(&self.shared)?));
        Ok(files)
    }
}
