//! What can be wrong with a history, each kind with the facts that show it.
//!
//! `entry` numbers count the history's entries from 0: line `entry + 1` of its JSON lines form.

use crate::history::{Process, TopicPartition, Transaction, Value};
use std::fmt;

/// One value seen at one place, and the entry that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub entry: usize,
    pub at: TopicPartition,
    pub offset: u64,
    pub value: Value,
}

/// A promise that the log broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// An acknowledged value that nobody read, though a poll went past its offset.
    Lost {
        sent: Sighting,
        /// The poll that covered the offset.
        passed_by: usize,
    },
    /// An acknowledged value that nobody read, though the run read every partition to its end.
    Unseen {
        entry: usize,
        at: TopicPartition,
        value: Value,
        offset: Option<u64>,
    },
    /// One value at two places.
    Duplicated { first: Sighting, second: Sighting },
    /// One place with two values.
    ChangedContent { first: Sighting, second: Sighting },
    /// Two acknowledged sends of one process landed in the other order.
    Reordered {
        process: Process,
        first: Sighting,
        second: Sighting,
    },
    /// A poll returned an offset below the one that had to come next.
    PollWentBack {
        process: Process,
        expected_at_least: u64,
        read: Sighting,
    },
    /// A poll went past a record that others saw there.
    PollSkipped {
        process: Process,
        poll: usize,
        skipped: Sighting,
    },
    /// A poll returned a value whose send failed for certain.
    FailedRead { sent: usize, read: Sighting },
    /// A read_committed poll returned a value of an aborted transaction.
    AbortedRead {
        transaction: Transaction,
        aborted: usize,
        read: Sighting,
    },
    /// A poll returned a value that nobody sent.
    NeverSent { read: Sighting },
    /// The latest offset was lower than a query that ended before had answered.
    LogEndWentBack {
        at: TopicPartition,
        earlier: usize,
        earlier_offset: u64,
        later: usize,
        later_offset: u64,
    },
    /// The latest offset did not cover a record known before the query began.
    LogEndTooLow {
        query: usize,
        log_end: u64,
        known: Sighting,
    },
    /// A group's committed offset lay below what was known to be committed, without a reset.
    CommitWentBack {
        group: String,
        at: TopicPartition,
        /// The commit, or the earlier answer, that says so.
        known: usize,
        /// The least that could be there.
        known_offset: u64,
        query: usize,
        /// None: nothing was committed any more.
        found: Option<u64>,
    },
    /// A group's committed offset was one that nobody committed, or only commits that failed.
    NeverCommitted {
        group: String,
        at: TopicPartition,
        query: usize,
        found: u64,
    },
    /// A commit was acknowledged in a generation after a member knew a later one.
    StaleCommit {
        group: String,
        commit: usize,
        generation: u32,
        later: usize,
        later_generation: u32,
    },
    /// Two members owned a partition in one generation.
    DoubleOwner {
        group: String,
        at: TopicPartition,
        generation: u32,
        first: usize,
        second: usize,
    },
    /// A member asked for its partitions after another knew a later generation, and got an older.
    GenerationWentBack {
        group: String,
        earlier: usize,
        earlier_generation: u32,
        later: usize,
        later_generation: u32,
    },
    /// In all the time in which nothing disturbed a live group, no generation owned everything.
    StalledGroup { group: String, entry: usize },
}

impl Anomaly {
    /// The rule's name, as reports count it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "lost write",
            Self::Unseen { .. } => "unseen write",
            Self::Duplicated { .. } => "duplicate",
            Self::ChangedContent { .. } => "changed content",
            Self::Reordered { .. } => "reordered sends",
            Self::PollWentBack { .. } => "poll went back",
            Self::PollSkipped { .. } => "poll skipped",
            Self::FailedRead { .. } => "failed write read",
            Self::AbortedRead { .. } => "aborted write read",
            Self::NeverSent { .. } => "never sent",
            Self::LogEndWentBack { .. } => "log end went back",
            Self::LogEndTooLow { .. } => "log end too low",
            Self::CommitWentBack { .. } => "committed offset went back",
            Self::NeverCommitted { .. } => "never committed",
            Self::StaleCommit { .. } => "stale commit",
            Self::DoubleOwner { .. } => "double owner",
            Self::GenerationWentBack { .. } => "generation went back",
            Self::StalledGroup { .. } => "stalled group",
        }
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {} offset {} (entry {})",
            self.value, self.at, self.offset, self.entry
        )
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::Lost { sent, passed_by } => {
                write!(
                    f,
                    "{sent} was acknowledged, entry {passed_by} read past it, nobody read it"
                )
            }
            Self::Unseen {
                entry,
                at,
                value,
                offset,
            } => match offset {
                Some(offset) => write!(
                    f,
                    "{value} at {at} offset {offset} (entry {entry}) was acknowledged and never read"
                ),
                None => write!(
                    f,
                    "{value} to {at} (entry {entry}) was acknowledged and never read"
                ),
            },
            Self::Duplicated { first, second } | Self::ChangedContent { first, second } => {
                write!(f, "{first} and {second}")
            }
            Self::Reordered {
                process,
                first,
                second,
            } => write!(f, "process {} sent {first} before {second}", process.0),
            Self::PollWentBack {
                process,
                expected_at_least,
                read,
            } => write!(
                f,
                "process {} read {read}, offset {expected_at_least} or later had to come",
                process.0
            ),
            Self::PollSkipped {
                process,
                poll,
                skipped,
            } => write!(
                f,
                "process {} passed by {skipped} in entry {poll}",
                process.0
            ),
            Self::FailedRead { sent, read } => {
                write!(f, "{read}, whose send failed in entry {sent}")
            }
            Self::AbortedRead {
                transaction,
                aborted,
                read,
            } => write!(
                f,
                "{read} of transaction {}, aborted in entry {aborted}",
                transaction.0
            ),
            Self::NeverSent { read } => write!(f, "{read}"),
            Self::LogEndWentBack {
                at,
                earlier,
                earlier_offset,
                later,
                later_offset,
            } => write!(
                f,
                "{at} ended at {earlier_offset} (entry {earlier}), later at {later_offset} (entry {later})"
            ),
            Self::LogEndTooLow {
                query,
                log_end,
                known,
            } => write!(
                f,
                "entry {query} says {log_end}, before it {known} was known"
            ),
            Self::CommitWentBack {
                group,
                at,
                known,
                known_offset,
                query,
                found,
            } => {
                write!(
                    f,
                    "{group} had {known_offset} at {at} (entry {known}), entry {query} says "
                )?;
                match found {
                    Some(found) => write!(f, "{found}"),
                    None => write!(f, "nothing"),
                }
            }
            Self::NeverCommitted {
                group,
                at,
                query,
                found,
            } => write!(f, "{found} of {group} at {at} (entry {query})"),
            Self::StaleCommit {
                group,
                commit,
                generation,
                later,
                later_generation,
            } => write!(
                f,
                "{group} took one of generation {generation} (entry {commit}) after {later_generation} was known (entry {later})"
            ),
            Self::DoubleOwner {
                group,
                at,
                generation,
                first,
                second,
            } => write!(
                f,
                "{at} in generation {generation} of {group}, entries {first} and {second}"
            ),
            Self::GenerationWentBack {
                group,
                earlier,
                earlier_generation,
                later,
                later_generation,
            } => write!(
                f,
                "{group} was at {earlier_generation} (entry {earlier}), later at {later_generation} (entry {later})"
            ),
            Self::StalledGroup { group, entry } => {
                write!(f, "{group} did not become stable (entry {entry})")
            }
        }
    }
}
