//! Judges a history: a pure function from what clients saw to the promises that were broken.
//!
//! The rules read only what is certain: a send or a commit with an unknown outcome may be there or
//! not, and accuses nobody.
//!
//! | rule | of | what it finds |
//! |---|---|---|
//! | places | I2, I7 | one offset with two values, one value at two offsets |
//! | polls | I7 | a poll that goes back, or past what others read there |
//! | reads | I8 | what failed, was aborted or was never sent, and is read |
//! | acknowledged | I1 | an acknowledged value that nobody reads |
//! | send order | I7 | sends of one process in another order |
//! | log ends | I1 | a log end that goes back, or lies below a known record |
//! | committed offsets | I9 | a committed offset that goes back without a reset, or that nobody committed |
//! | stale commits | I9 | a commit in a generation that has ended |
//! | owners | I10 | a partition with two owners in a generation, a generation that goes back |
//! | live groups | I10 | a group that nothing disturbs and that does not become stable |
//!
//! What it takes for granted: order between sends of one process is promised only when its producer
//! is idempotent or keeps one request in flight; nothing was deleted or compacted during the run;
//! acks=1 on several replicas is recorded as unknown, since it does not promise to survive failover.
//!
//! Absent: no cycles between transactions; no I/O and no clock.

mod anomaly;
mod groups;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, Sighting};

use crate::history::{
    Entry, History, Isolation, Operation, Outcome, Process, TopicPartition, Transaction, Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// Every anomaly in a history, rule by rule. An empty answer says that these rules hold, no more.
pub fn check(history: &History) -> Vec<Anomaly> {
    let facts = Facts::gather(history);
    let mut found = Vec::new();
    check_places(&facts, &mut found);
    check_polls(&facts, &mut found);
    check_reads(&facts, &mut found);
    check_acknowledged(&facts, &mut found);
    check_send_order(&facts, &mut found);
    check_log_ends(&facts, &mut found);
    groups::check(&history.entries, &mut found);
    found
}

/// A send as the history tells it.
struct Send<'a> {
    entry: usize,
    at: &'a TopicPartition,
    offset: Option<u64>,
    outcome: Outcome,
    transaction: Option<Transaction>,
}

/// A successful poll, with the half-open range of offsets it went over.
struct Poll<'a> {
    entry: usize,
    process: Process,
    at: &'a TopicPartition,
    isolation: Isolation,
    covered: std::ops::Range<u64>,
    offsets: BTreeSet<u64>,
}

/// The history, indexed for the rules.
struct Facts<'a> {
    history: &'a History,
    sends: BTreeMap<Value, Send<'a>>,
    /// Transactions that ended for certain: the entry, and whether they committed.
    ended: BTreeMap<Transaction, (usize, bool)>,
    polls: Vec<Poll<'a>>,
    /// Found while walking the polls in order; reported by `check_polls`.
    went_back: Vec<Anomaly>,
    /// Acknowledgements first, then reads, each in the history's order.
    sightings: Vec<Sighting>,
    read: BTreeSet<Value>,
    /// The first sighting of each place.
    contents: BTreeMap<&'a TopicPartition, BTreeMap<u64, usize>>,
}

impl<'a> Facts<'a> {
    fn gather(history: &'a History) -> Self {
        let mut facts = Self {
            history,
            sends: BTreeMap::new(),
            ended: BTreeMap::new(),
            polls: Vec::new(),
            went_back: Vec::new(),
            sightings: Vec::new(),
            read: BTreeSet::new(),
            contents: BTreeMap::new(),
        };
        facts.gather_sends();
        facts.gather_polls();
        for (index, sighting) in facts.sightings.iter().enumerate() {
            let at = facts.at_of(sighting);
            facts
                .contents
                .entry(at)
                .or_default()
                .entry(sighting.offset)
                .or_insert(index);
        }
        facts
    }

    fn gather_sends(&mut self) {
        for (index, entry) in self.history.entries.iter().enumerate() {
            match &entry.operation {
                Operation::Produce {
                    at,
                    value,
                    offset,
                    transaction,
                } => {
                    let send = Send {
                        entry: index,
                        at,
                        offset: *offset,
                        outcome: entry.outcome,
                        transaction: *transaction,
                    };
                    let earlier = self.sends.insert(*value, send);
                    debug_assert!(earlier.is_none(), "{value} is sent twice by the workload");
                    if let (Outcome::Ok, Some(offset)) = (entry.outcome, *offset) {
                        self.sightings.push(Sighting {
                            entry: index,
                            at: at.clone(),
                            offset,
                            value: *value,
                        });
                    }
                }
                Operation::EndTransaction {
                    transaction,
                    commit,
                } => {
                    if entry.outcome == Outcome::Ok {
                        self.ended.insert(*transaction, (index, *commit));
                    }
                }
                Operation::Poll { .. }
                | Operation::LogEnd { .. }
                | Operation::CommitOffset { .. }
                | Operation::FetchOffset { .. }
                | Operation::Own { .. }
                | Operation::GroupLives { .. } => {}
            }
        }
    }

    /// Walks the polls in the order in which they began, so that each knows where it had to go on.
    fn gather_polls(&mut self) {
        let mut positions: BTreeMap<(Process, &TopicPartition), u64> = BTreeMap::new();
        for index in in_order(&self.history.entries) {
            let entry = &self.history.entries[index];
            let Operation::Poll {
                at,
                sought,
                isolation,
                reads,
            } = &entry.operation
            else {
                continue;
            };
            if entry.outcome != Outcome::Ok {
                continue;
            }
            let key = (entry.process, at);
            let expected = sought.or_else(|| positions.get(&key).copied());
            let mut next = expected;
            let mut offsets = BTreeSet::new();
            for read in reads {
                let sighting = Sighting {
                    entry: index,
                    at: at.clone(),
                    offset: read.offset,
                    value: read.value,
                };
                if let Some(expected_at_least) = next.filter(|next| read.offset < *next) {
                    self.went_back.push(Anomaly::PollWentBack {
                        process: entry.process,
                        expected_at_least,
                        read: sighting.clone(),
                    });
                }
                next = next.max(Some(read.offset + 1));
                offsets.insert(read.offset);
                self.read.insert(read.value);
                self.sightings.push(sighting);
            }
            let Some(end) = next else { continue };
            positions.insert(key, end);
            let start = expected.unwrap_or_else(|| reads.first().map_or(end, |r| r.offset));
            self.polls.push(Poll {
                entry: index,
                process: entry.process,
                at,
                isolation: *isolation,
                covered: start..end,
                offsets,
            });
        }
    }

    /// The history's own copy of a sighting's partition, which outlives the sighting.
    fn at_of(&self, sighting: &Sighting) -> &'a TopicPartition {
        match &self.history.entries[sighting.entry].operation {
            Operation::Produce { at, .. } | Operation::Poll { at, .. } => at,
            Operation::LogEnd { .. }
            | Operation::EndTransaction { .. }
            | Operation::CommitOffset { .. }
            | Operation::FetchOffset { .. }
            | Operation::Own { .. }
            | Operation::GroupLives { .. } => {
                unreachable!("only sends and polls are sightings")
            }
        }
    }

    /// Whether a poll of this isolation had to return the value.
    fn must_be_visible(&self, value: Value, isolation: Isolation) -> bool {
        let transaction = self.sends.get(&value).and_then(|send| send.transaction);
        match (isolation, transaction) {
            (Isolation::ReadUncommitted, _) | (_, None) => true,
            (Isolation::ReadCommitted, Some(transaction)) => {
                matches!(self.ended.get(&transaction), Some((_, true)))
            }
        }
    }
}

/// The entries' indexes by the time at which they began; ties keep the history's order.
fn in_order(entries: &[Entry]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| entries[*index].invoked_ns);
    order
}

/// One value per place (I2), one place per value (I7).
fn check_places(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    let mut place_of: BTreeMap<Value, &Sighting> = BTreeMap::new();
    let mut reported: BTreeSet<(&TopicPartition, u64, Value)> = BTreeSet::new();
    for sighting in &facts.sightings {
        let first = &facts.sightings[facts.contents[&sighting.at][&sighting.offset]];
        let place = (&sighting.at, sighting.offset, sighting.value);
        if first.value != sighting.value && reported.insert(place) {
            found.push(Anomaly::ChangedContent {
                first: first.clone(),
                second: sighting.clone(),
            });
        }
        let first = *place_of.entry(sighting.value).or_insert(sighting);
        let elsewhere = (&first.at, first.offset) != (&sighting.at, sighting.offset);
        if elsewhere && reported.insert(place) {
            found.push(Anomaly::Duplicated {
                first: first.clone(),
                second: sighting.clone(),
            });
        }
    }
}

/// Polls move forward and leave out nothing that others saw.
fn check_polls(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    found.extend(facts.went_back.iter().cloned());
    for poll in &facts.polls {
        let Some(contents) = facts.contents.get(poll.at) else {
            continue;
        };
        for (offset, sighting) in contents.range(poll.covered.clone()) {
            let known = &facts.sightings[*sighting];
            // A value that nobody read is judged once, as lost, and not once per poll.
            if !poll.offsets.contains(offset)
                && facts.read.contains(&known.value)
                && facts.must_be_visible(known.value, poll.isolation)
            {
                found.push(Anomaly::PollSkipped {
                    process: poll.process,
                    poll: poll.entry,
                    skipped: known.clone(),
                });
            }
        }
    }
}

/// What polls return was sent, did not fail and, for read_committed, was not aborted (I8).
fn check_reads(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    for sighting in &facts.sightings {
        let Operation::Poll { isolation, .. } = &facts.history.entries[sighting.entry].operation
        else {
            continue;
        };
        let Some(send) = facts.sends.get(&sighting.value) else {
            found.push(Anomaly::NeverSent {
                read: sighting.clone(),
            });
            continue;
        };
        if send.outcome == Outcome::Fail {
            found.push(Anomaly::FailedRead {
                sent: send.entry,
                read: sighting.clone(),
            });
        }
        let aborted = send
            .transaction
            .and_then(|transaction| Some((transaction, *facts.ended.get(&transaction)?)));
        if let (Some((transaction, (aborted, false))), Isolation::ReadCommitted) =
            (aborted, isolation)
        {
            found.push(Anomaly::AbortedRead {
                transaction,
                aborted,
                read: sighting.clone(),
            });
        }
    }
}

/// Nothing acknowledged is lost (I1). A send in a transaction counts once its commit is certain.
fn check_acknowledged(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    for (value, send) in &facts.sends {
        if send.outcome != Outcome::Ok
            || facts.read.contains(value)
            || !facts.must_be_visible(*value, Isolation::ReadCommitted)
        {
            continue;
        }
        let passed_by = send.offset.and_then(|offset| {
            let past = |poll: &&Poll<'_>| poll.at == send.at && poll.covered.contains(&offset);
            Some((offset, facts.polls.iter().find(past)?.entry))
        });
        if let Some((offset, passed_by)) = passed_by {
            found.push(Anomaly::Lost {
                sent: Sighting {
                    entry: send.entry,
                    at: send.at.clone(),
                    offset,
                    value: *value,
                },
                passed_by,
            });
        } else if facts.history.read_to_the_end {
            found.push(Anomaly::Unseen {
                entry: send.entry,
                at: send.at.clone(),
                value: *value,
                offset: send.offset,
            });
        }
    }
}

/// The acknowledged sends of one process lie in the log in the order in which they began (I7).
fn check_send_order(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    let mut last: BTreeMap<(Process, &TopicPartition), Sighting> = BTreeMap::new();
    for index in in_order(&facts.history.entries) {
        let entry = &facts.history.entries[index];
        let (
            Outcome::Ok,
            Operation::Produce {
                at,
                value,
                offset: Some(offset),
                ..
            },
        ) = (entry.outcome, &entry.operation)
        else {
            continue;
        };
        let second = Sighting {
            entry: index,
            at: at.clone(),
            offset: *offset,
            value: *value,
        };
        let first = last.insert((entry.process, at), second.clone());
        if let Some(first) = first.filter(|first| first.offset > second.offset) {
            found.push(Anomaly::Reordered {
                process: entry.process,
                first,
                second,
            });
        }
    }
}

/// The latest offset never goes back, and lies above every record known before the query began.
fn check_log_ends(facts: &Facts<'_>, found: &mut Vec<Anomaly>) {
    let entries = &facts.history.entries;
    let returned = |sighting: &&Sighting| entries[sighting.entry].returned_ns;
    let mut known: Vec<&Sighting> = facts.sightings.iter().collect();
    known.sort_by_key(returned);
    let mut answers: Vec<(usize, &TopicPartition, u64)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let (
            Outcome::Ok,
            Operation::LogEnd {
                at,
                offset: Some(offset),
            },
        ) = (entry.outcome, &entry.operation)
        else {
            continue;
        };
        answers.push((index, at, *offset));
    }
    let mut earlier_answers = answers.clone();
    earlier_answers.sort_by_key(|(index, ..)| entries[*index].returned_ns);
    answers.sort_by_key(|(index, ..)| entries[*index].invoked_ns);

    let mut known = known.into_iter().peekable();
    let mut earlier_answers = earlier_answers.into_iter().peekable();
    let mut highest_record: BTreeMap<&TopicPartition, &Sighting> = BTreeMap::new();
    let mut highest_answer: BTreeMap<&TopicPartition, (usize, u64)> = BTreeMap::new();
    for (query, at, log_end) in answers {
        let began = entries[query].invoked_ns;
        while let Some(sighting) = known.next_if(|s| entries[s.entry].returned_ns < began) {
            let highest = highest_record.entry(&sighting.at).or_insert(sighting);
            if highest.offset < sighting.offset {
                *highest = sighting;
            }
        }
        let before = |answer: &(usize, &TopicPartition, u64)| entries[answer.0].returned_ns < began;
        while let Some((index, at, offset)) = earlier_answers.next_if(before) {
            let highest = highest_answer.entry(at).or_insert((index, offset));
            if highest.1 < offset {
                *highest = (index, offset);
            }
        }
        if let Some((earlier, earlier_offset)) = highest_answer.get(at).copied()
            && earlier_offset > log_end
        {
            found.push(Anomaly::LogEndWentBack {
                at: at.clone(),
                earlier,
                earlier_offset,
                later: query,
                later_offset: log_end,
            });
        }
        if let Some(known) = highest_record.get(at)
            && known.offset >= log_end
        {
            found.push(Anomaly::LogEndTooLow {
                query,
                log_end,
                known: (*known).clone(),
            });
        }
    }
}
