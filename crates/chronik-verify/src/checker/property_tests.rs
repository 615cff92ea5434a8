//! A correct log makes no anomaly, and one corruption of what clients saw makes at least one.
//!
//! A model log is written and read by random clients; the history is what a correct broker would
//! have shown them. Each corruption then changes one fact in the way in which a broker could fail.

use super::check;
use crate::history::{
    Entry, History, Isolation, Operation, Outcome, Process, Read, TopicPartition, Value,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Send {
        process: u32,
        partition: u32,
        outcome: Outcome,
        landed: bool,
    },
    Poll {
        process: u32,
        partition: u32,
        seek_back: Option<u64>,
        max: usize,
    },
    LogEnd {
        partition: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Ok),
        1 => Just(Outcome::Fail),
        1 => Just(Outcome::Unknown),
    ];
    prop_oneof![
        4 => (1..3u32, 0..2u32, outcome, any::<bool>()).prop_map(
            |(process, partition, outcome, landed)| Step::Send { process, partition, outcome, landed }
        ),
        3 => (10..12u32, 0..2u32, prop::option::weighted(0.2, 0..5u64), 0..6usize).prop_map(
            |(process, partition, seek_back, max)| Step::Poll { process, partition, seek_back, max }
        ),
        1 => (0..2u32).prop_map(|partition| Step::LogEnd { partition }),
    ]
}

fn partition_of(partition: u32) -> TopicPartition {
    TopicPartition {
        topic: "t".to_owned(),
        partition,
    }
}

/// What a correct broker shows to clients that take these steps.
fn run(steps: &[Step]) -> History {
    let mut logs: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    let mut positions: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let mut history = History {
        entries: Vec::new(),
        read_to_the_end: true,
    };
    let mut push = |process: u32, outcome, operation| {
        let invoked_ns = history.entries.len() as u64 * 10;
        let process = Process(process);
        let returned_ns = invoked_ns + 5;
        history.entries.push(Entry {
            process,
            invoked_ns,
            returned_ns,
            outcome,
            operation,
        });
    };
    let mut poll =
        |logs: &BTreeMap<u32, Vec<Value>>, process, partition, sought: Option<u64>, max| {
            let log = logs.get(&partition).map_or(&[][..], Vec::as_slice);
            let position = positions.entry((process, partition)).or_insert(0);
            let first = *position == 0;
            *position = sought.unwrap_or(*position).min(log.len() as u64);
            let from = *position as usize;
            let sought = (sought.is_some() || first).then_some(*position);
            let reads: Vec<Read> = (from..log.len())
                .take(max)
                .map(|offset| Read {
                    offset: offset as u64,
                    value: log[offset],
                })
                .collect();
            *position += reads.len() as u64;
            let isolation = Isolation::ReadUncommitted;
            Operation::Poll {
                at: partition_of(partition),
                sought,
                isolation,
                reads,
            }
        };
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Send {
                process,
                partition,
                outcome,
                landed,
            } => {
                let value = Value(1000 + number as u64);
                let log = logs.entry(partition).or_default();
                let lands = outcome == Outcome::Ok || (outcome == Outcome::Unknown && landed);
                let offset = (outcome == Outcome::Ok).then_some(log.len() as u64);
                if lands {
                    log.push(value);
                }
                let at = partition_of(partition);
                push(
                    process,
                    outcome,
                    Operation::Produce {
                        at,
                        value,
                        offset,
                        transaction: None,
                    },
                );
            }
            Step::Poll {
                process,
                partition,
                seek_back,
                max,
            } => {
                push(
                    process,
                    Outcome::Ok,
                    poll(&logs, process, partition, seek_back, max),
                );
            }
            Step::LogEnd { partition } => {
                let end = logs.get(&partition).map_or(0, Vec::len) as u64;
                let at = partition_of(partition);
                push(
                    20,
                    Outcome::Ok,
                    Operation::LogEnd {
                        at,
                        offset: Some(end),
                    },
                );
            }
        }
    }
    for partition in 0..2 {
        push(
            30,
            Outcome::Ok,
            poll(&logs, 30, partition, None, usize::MAX),
        );
        let end = logs.get(&partition).map_or(0, Vec::len) as u64;
        let at = partition_of(partition);
        push(
            20,
            Outcome::Ok,
            Operation::LogEnd {
                at,
                offset: Some(end),
            },
        );
    }
    history
}

/// One fact told wrong, and the rule that must notice.
#[derive(Clone, Copy, Debug)]
enum Corruption {
    /// Drop a value from every poll.
    Lose,
    /// One poll leaves out a record before its last.
    Skip,
    /// The final poll returns its first value again, past the end.
    Duplicate,
    /// One poll shows another value at an offset.
    Change,
    /// One poll returns two records in the other order.
    Swap,
    /// A read value's send is said to have failed.
    Fail,
    /// The last log-end answer of a partition with records is 0.
    EndGoesBack,
    /// Two acknowledged sends of one process are told with each other's offsets.
    SwapAcknowledgements,
}

/// Applies a corruption where `pick` points; false when the history has no place for it.
fn corrupt(history: &mut History, corruption: Corruption, pick: usize) -> bool {
    fn reads_of(entry: &mut Entry) -> Option<&mut Vec<Read>> {
        match &mut entry.operation {
            Operation::Poll { reads, .. } => Some(reads),
            _ => None,
        }
    }
    let least = match corruption {
        Corruption::Skip | Corruption::Swap => 2,
        _ => 1,
    };
    let polls: Vec<usize> = (0..history.entries.len())
        .filter(|i| reads_of(&mut history.entries[*i]).is_some_and(|reads| reads.len() >= least))
        .collect();
    let Some(&poll) = polls.get(pick % polls.len().max(1)) else {
        return false;
    };
    let mut reads = reads_of(&mut history.entries[poll])
        .expect("polls are polls")
        .clone();
    let victim = reads[pick % (reads.len() - (least - 1))];
    match corruption {
        Corruption::Lose => {
            for entry in &mut history.entries {
                if let Some(reads) = reads_of(entry) {
                    reads.retain(|read| read.value != victim.value);
                }
            }
            return acknowledged(history, victim.value);
        }
        Corruption::Skip => {
            reads.retain(|read| read.offset != victim.offset);
            *reads_of(&mut history.entries[poll]).expect("polls are polls") = reads;
            // An unknown send that this poll alone had shown leaves no trace to judge by.
            let elsewhere = history
                .entries
                .iter_mut()
                .filter_map(reads_of)
                .any(|reads| reads.contains(&victim));
            return elsewhere || acknowledged(history, victim.value);
        }
        Corruption::Duplicate => {
            let last = history.entries.len() - 4;
            let reads = [last, last + 2]
                .into_iter()
                .filter_map(|final_poll| {
                    reads_of(&mut history.entries[final_poll])
                        .filter(|reads| !reads.is_empty())
                        .map(|_| final_poll)
                })
                .next();
            let Some(final_poll) = reads else {
                return false;
            };
            let reads = reads_of(&mut history.entries[final_poll]).expect("polls are polls");
            let again = Read {
                offset: reads[reads.len() - 1].offset + 1,
                value: reads[0].value,
            };
            reads.push(again);
            return true;
        }
        Corruption::Change => {
            for read in &mut reads {
                if read.offset == victim.offset {
                    read.value = Value(999_999);
                }
            }
        }
        Corruption::Swap => {
            let first = pick % (reads.len() - 1);
            reads.swap(first, first + 1);
        }
        Corruption::Fail => {
            for entry in &mut history.entries {
                if matches!(&entry.operation, Operation::Produce { value, .. } if *value == victim.value)
                {
                    entry.outcome = Outcome::Fail;
                }
            }
            return true;
        }
        Corruption::EndGoesBack => {
            let at = match &history.entries[poll].operation {
                Operation::Poll { at, .. } => at.clone(),
                _ => return false,
            };
            for entry in history.entries.iter_mut().rev() {
                if let Operation::LogEnd { at: asked, offset } = &mut entry.operation
                    && *asked == at
                {
                    *offset = Some(0);
                    return true;
                }
            }
            return false;
        }
        Corruption::SwapAcknowledgements => return swap_acknowledgements(history),
    }
    *reads_of(&mut history.entries[poll]).expect("polls are polls") = reads;
    true
}

fn acknowledged(history: &History, value: Value) -> bool {
    history.entries.iter().any(|entry| {
        entry.outcome == Outcome::Ok
            && matches!(&entry.operation, Operation::Produce { value: sent, .. } if *sent == value)
    })
}

fn swap_acknowledgements(history: &mut History) -> bool {
    let mut first: BTreeMap<(Process, TopicPartition), (usize, u64)> = BTreeMap::new();
    for index in 0..history.entries.len() {
        let process = history.entries[index].process;
        let Operation::Produce {
            at,
            offset: Some(offset),
            ..
        } = &history.entries[index].operation
        else {
            continue;
        };
        let key = (process, at.clone());
        let (index_now, offset_now) = (index, *offset);
        let Some((index_before, offset_before)) = first.insert(key, (index_now, offset_now)) else {
            continue;
        };
        for (index, swapped) in [(index_before, offset_now), (index_now, offset_before)] {
            if let Operation::Produce { offset, .. } = &mut history.entries[index].operation {
                *offset = Some(swapped);
            }
        }
        return true;
    }
    false
}

proptest! {
    #[test]
    fn a_correct_log_has_no_anomaly(steps in prop::collection::vec(step(), 0..80)) {
        prop_assert_eq!(check(&run(&steps)), vec![]);
    }

    #[test]
    fn one_corruption_is_caught(
        steps in prop::collection::vec(step(), 1..60),
        corruption in prop::sample::select(vec![
            Corruption::Lose, Corruption::Skip, Corruption::Duplicate, Corruption::Change,
            Corruption::Swap, Corruption::Fail, Corruption::EndGoesBack,
            Corruption::SwapAcknowledgements,
        ]),
        pick in any::<usize>(),
    ) {
        let mut history = run(&steps);
        prop_assume!(corrupt(&mut history, corruption, pick));
        let found: Vec<&str> = check(&history).iter().map(|anomaly| anomaly.name()).collect();
        let must: &[&str] = match corruption {
            Corruption::Lose => &["lost write", "unseen write"],
            Corruption::Skip => &["poll skipped", "lost write"],
            Corruption::Duplicate => &["duplicate"],
            Corruption::Change => &["changed content", "never sent"],
            Corruption::Swap => &["poll went back"],
            Corruption::Fail => &["failed write read"],
            Corruption::EndGoesBack => &["log end too low"],
            Corruption::SwapAcknowledgements => &["reordered sends"],
        };
        prop_assert!(must.iter().any(|name| found.contains(name)), "{:?} gave {:?}", corruption, found);
    }
}
