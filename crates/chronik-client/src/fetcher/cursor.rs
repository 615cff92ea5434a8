//! How far one partition has been read.

use bytes::Bytes;
use chronik_protocol::{BatchError, BatchHeader};
use chronik_types::Offset;

/// Invariant: `position` never goes back.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The next offset to read.
    pub(super) position: Offset,
    /// Exclusive; `None` reads on for ever.
    stop: Option<Offset>,
    pub(super) high_watermark: Option<Offset>,
    /// A fetch for it is under way.
    pub(super) in_flight: bool,
    /// Batches that have come and are not opened yet.
    pub(super) buffered: usize,
}

impl Cursor {
    pub(super) fn new(position: Offset, stop: Option<Offset>) -> Self {
        Self {
            position,
            stop,
            high_watermark: None,
            in_flight: false,
            buffered: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stop.is_some_and(|stop| self.position >= stop)
    }

    /// Whether a fetch for it makes sense now.
    pub(super) fn is_hungry(&self) -> bool {
        !self.in_flight && self.buffered == 0 && !self.is_done()
    }

    /// A batch is behind us, with whatever it did not contain any more.
    pub(super) fn pass(&mut self, header: &BatchHeader) {
        self.position = self.position.max(Offset::new(header.next_offset()));
    }
}

/// Where the CRC of a batch begins to count, and what it must be.
pub(super) fn check_crc(header: &BatchHeader, batch: &Bytes) -> Result<(), BatchError> {
    const ATTRIBUTES_AT: usize = 21;
    let covered = batch.get(ATTRIBUTES_AT..).unwrap_or_default();
    let computed = crc_fast::crc32_iscsi(covered);
    if computed == header.crc {
        return Ok(());
    }
    Err(BatchError::Crc {
        stored: header.crc,
        computed,
    })
}
