//! Memory for batches that must be opened, within the node's budget.
//!
//! Keeps I14: what a batch says of its size when opened is not believed. A small one is opened at
//! once; a large one waits for its turn, because there is room for one, which is part of what the
//! node may hold for clients.

use std::sync::{Mutex, PoisonError};

use chronik_protocol::BatchError;

/// Bytes that a batch may take opened without a turn: every worker may hold as much.
pub(super) const SMALL_BYTES: usize = 1 << 20;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct OpenRoom {
    bytes: usize,
    turn: Mutex<()>,
}

impl OpenRoom {
    /// Room for one batch of `bytes` when opened.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            bytes,
            turn: Mutex::new(()),
        }
    }

    /// Runs `open` with the bytes it may take; a second time, with all there is, if it needs more.
    pub(super) fn with<T>(
        &self,
        open: impl Fn(usize) -> Result<T, BatchError>,
    ) -> Result<T, BatchError> {
        match open(SMALL_BYTES.min(self.bytes)) {
            Err(BatchError::OverBudget { .. }) if self.bytes > SMALL_BYTES => {
                let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                open(self.bytes)
            }
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_large_batch_is_opened_in_the_room_there_is_and_no_further() {
        let asked = RefCell::new(Vec::new());
        let open = |size: usize| {
            move |asked: &RefCell<Vec<usize>>, budget: usize| {
                asked.borrow_mut().push(budget);
                match size <= budget {
                    true => Ok(size),
                    false => Err(BatchError::OverBudget { budget }),
                }
            }
        };
        let room = OpenRoom::new(8 << 20);
        let opened = |size| room.with(|budget| open(size)(&asked, budget)).is_ok();
        assert!(opened(1000));
        assert!(opened(5 << 20));
        assert!(!opened(9 << 20));
        let budgets = [1 << 20, 1 << 20, 8 << 20, 1 << 20, 8 << 20];
        assert_eq!(*asked.borrow(), budgets);
    }
}
