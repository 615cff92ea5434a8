//! Where clients and driver write down what they see: history, event log and violations.
//!
//! Keeps: stamps grow strictly, so that the order in which operations began is never a tie.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chronik_verify::history::{Entry, History, Operation, Outcome, Process};

use crate::event_log::EventLog;

/// Cheap to clone; all clones write to the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    log: EventLog,
    history: History,
    violations: Vec<String>,
    /// Virtual time where no host runs, as between two steps.
    now: Duration,
    last_stamp: u64,
}

impl Inner {
    fn now(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or(self.now)
    }

    fn stamp(&mut self) -> u64 {
        let now = u64::try_from(self.now().as_nanos()).unwrap_or(u64::MAX);
        self.last_stamp = now.max(self.last_stamp + 1);
        self.last_stamp
    }

    fn note(&mut self, event: impl Display) {
        let now = self.now();
        self.log.note(now, event);
    }
}

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the time to those who ask outside of any host.
    pub(crate) fn set_now(&self, now: Duration) {
        self.lock().now = now;
    }

    /// The beginning of an operation.
    pub(crate) fn stamp(&self) -> u64 {
        self.lock().stamp()
    }

    pub(crate) fn note(&self, event: impl Display) {
        self.lock().note(event);
    }

    /// A promise was broken in a way that the history does not show.
    pub(crate) fn violation(&self, what: impl Display) {
        let mut inner = self.lock();
        inner.note(format_args!("VIOLATION {what}"));
        inner.violations.push(what.to_string());
    }

    /// An operation that ends now.
    pub(crate) fn ended(
        &self,
        process: u32,
        invoked_ns: u64,
        outcome: Outcome,
        operation: Operation,
    ) {
        let mut inner = self.lock();
        inner.note(format_args!(
            "{process} {invoked_ns} {}",
            describe(outcome, &operation)
        ));
        let returned_ns = inner.stamp();
        inner.history.entries.push(Entry {
            process: Process(process),
            invoked_ns,
            returned_ns,
            outcome,
            operation,
        });
    }

    /// Every partition was read to its end.
    pub(crate) fn read_to_the_end(&self) {
        self.lock().history.read_to_the_end = true;
    }

    /// What was written down: the log, the history and the violations.
    pub(crate) fn take(&self) -> (EventLog, History, Vec<String>) {
        let inner = std::mem::take(&mut *self.lock());
        (inner.log, inner.history, inner.violations)
    }
}

fn describe(outcome: Outcome, operation: &Operation) -> String {
    let outcome = match outcome {
        Outcome::Ok => "ok",
        Outcome::Fail => "failed",
        Outcome::Unknown => "unknown",
    };
    match operation {
        Operation::Produce {
            at, value, offset, ..
        } => format!("produce {value} to {at} {outcome} {offset:?}"),
        Operation::Poll {
            at, sought, reads, ..
        } => {
            let reads: Vec<String> = reads
                .iter()
                .map(|read| format!("{}@{}", read.value, read.offset))
                .collect();
            format!("poll {at} {sought:?} {outcome} {}", reads.join(" "))
        }
        Operation::LogEnd { at, offset } => format!("end of {at} {outcome} {offset:?}"),
        Operation::EndTransaction { .. } => "end of a transaction".to_owned(),
        Operation::CommitOffset {
            group,
            at,
            offset,
            generation,
            ..
        } => format!("commit {group} {at} {offset} in {generation:?} {outcome}"),
        Operation::FetchOffset {
            group, at, offset, ..
        } => format!("committed {group} {at} {outcome} {offset:?}"),
        Operation::Own {
            group,
            generation,
            member,
            from_ns,
            partitions,
        } => {
            let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            let partitions = partitions.join(" ");
            format!("{member} owned {partitions} of {group} in {generation} from {from_ns}")
        }
        Operation::GroupLives { group, .. } => format!("{group} lives"),
    }
}
