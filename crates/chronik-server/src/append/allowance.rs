//! What one Produce request may cost in the ordered stage.
//!
//! Keeps I14: a request may name partitions, the same one too, as often as it fits into a frame,
//! and a batch of a few bytes may open to megabytes or be refused for each of its records.

use std::cell::Cell;

/// Bytes of opened batches; a request that is larger itself may open as much as it brings.
const OPEN_BYTES: usize = 64 << 20;

/// Records named in one answer.
const ERRORS_MAX: usize = 1_000;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Bytes of batches that may still be opened. The batch that takes the last of them is opened
    /// whole, so that a request that is sent again gets further.
    open_bytes: Cell<usize>,
    /// Records that may still be named.
    errors: Cell<usize>,
}

impl Allowance {
    /// For a request of `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            open_bytes: Cell::new(bytes.max(OPEN_BYTES)),
            errors: Cell::new(ERRORS_MAX),
        }
    }

    /// Whether one more batch may be opened.
    pub(super) fn may_open(&self) -> bool {
        self.open_bytes.get() > 0
    }

    /// Counts a batch of so many bytes when opened.
    pub(super) fn opened(&self, bytes: usize) {
        self.open_bytes
            .set(self.open_bytes.get().saturating_sub(bytes));
    }

    /// How many records may still be named.
    pub(super) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// Counts records that were named.
    pub(super) fn named(&self, errors: usize) {
        self.errors.set(self.errors.get().saturating_sub(errors));
    }
}
