//! Where clients of a load write down what they saw, by the clock of this machine.
//!
//! Keeps: stamps grow strictly, so that the order in which operations began is never a tie.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chronik_verify::history::{Entry, History, Operation, Outcome, Process};
use tokio::sync::watch;

/// The history of a run, as it grows.
#[derive(Debug)]
pub(crate) struct Recorder {
    begun: Instant,
    inner: Mutex<Inner>,
    /// Records acknowledged so far.
    acknowledged: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    history: History,
    violations: Vec<String>,
    last_stamp: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            inner: Mutex::default(),
            acknowledged: watch::Sender::new(0),
        }
    }
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The beginning of an operation.
    pub(crate) fn stamp(&self) -> u64 {
        let now = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.lock().stamp(now)
    }

    /// An operation that ends now.
    pub(crate) fn ended(
        &self,
        process: u32,
        invoked_ns: u64,
        outcome: Outcome,
        operation: Operation,
    ) {
        let sent = matches!(operation, Operation::Produce { .. });
        let now = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        {
            let mut inner = self.lock();
            let returned_ns = inner.stamp(now);
            inner.history.entries.push(Entry {
                process: Process(process),
                invoked_ns,
                returned_ns,
                outcome,
                operation,
            });
        }
        if sent && outcome == Outcome::Ok {
            self.acknowledged.send_modify(|count| *count += 1);
        }
    }

    /// A promise was broken in a way that the history does not show.
    pub(crate) fn violation(&self, what: impl Display) {
        self.lock().violations.push(what.to_string());
    }

    /// How many records are acknowledged, to wait for more.
    pub(crate) fn acknowledged(&self) -> watch::Receiver<u64> {
        self.acknowledged.subscribe()
    }

    /// What was written down, the final read included.
    pub(crate) fn take(&self) -> (History, Vec<String>) {
        let mut inner = std::mem::take(&mut *self.lock());
        inner.history.read_to_the_end = true;
        (inner.history, inner.violations)
    }
}

impl Inner {
    fn stamp(&mut self, now: u64) -> u64 {
        self.last_stamp = now.max(self.last_stamp + 1);
        self.last_stamp
    }
}
