//! The rules of groups: committed offsets (I9), owners and generations, and stability (I10).
//!
//! A commit whose outcome is unknown may take effect at any later time, but not once a later
//! generation is there: the coordinator refuses it then. Every rule compares all pairs within one
//! group and partition, so a run of more than some ten thousand commits to one partition is slow.

use super::Anomaly;
use crate::history::{Entry, Operation, Outcome, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};

/// Every anomaly of groups, rule by rule.
pub(super) fn check(entries: &[Entry], found: &mut Vec<Anomaly>) {
    let facts = Facts::gather(entries);
    for (place, told) in &facts.offsets {
        check_committed_offsets(*place, told, found);
    }
    for (group, owned) in &facts.owned {
        let commits = facts.offsets.range(places_of(group));
        let commits = commits
            .take_while(|((of, _), _)| of == group)
            .flat_map(|(_, told)| &told.commits);
        check_stale_commits(group, owned, commits, found);
        check_owners(group, owned, found);
    }
    for lives in &facts.lives {
        let owned = facts.owned.get(lives.group).map_or(&[][..], Vec::as_slice);
        if !lives.becomes_stable(owned) {
            found.push(Anomaly::StalledGroup {
                group: lives.group.to_owned(),
                entry: lives.entry,
            });
        }
    }
}

type Place<'a> = (&'a str, &'a TopicPartition);

/// From the first place of a group on.
fn places_of<'a>(group: &'a str) -> impl std::ops::RangeBounds<Place<'a>> {
    const FIRST: &TopicPartition = &TopicPartition {
        topic: String::new(),
        partition: 0,
    };
    (group, FIRST)..
}

/// One commit that did not fail, or one answer.
struct Told {
    entry: usize,
    invoked_ns: u64,
    returned_ns: u64,
    generation: Option<u32>,
    offset: Option<u64>,
    certain: bool,
    reset: bool,
}

/// What was said about one partition of one group.
#[derive(Default)]
struct Offsets {
    commits: Vec<Told>,
    answers: Vec<Told>,
}

/// One member's partitions in one generation.
struct Owned<'a> {
    entry: usize,
    asked_ns: u64,
    from_ns: u64,
    until_ns: u64,
    generation: u32,
    member: &'a str,
    partitions: &'a [TopicPartition],
}

struct Lives<'a> {
    entry: usize,
    group: &'a str,
    from_ns: u64,
    until_ns: u64,
    partitions: &'a [TopicPartition],
}

/// The history, indexed for the rules.
#[derive(Default)]
struct Facts<'a> {
    offsets: BTreeMap<Place<'a>, Offsets>,
    owned: BTreeMap<&'a str, Vec<Owned<'a>>>,
    lives: Vec<Lives<'a>>,
}

impl<'a> Facts<'a> {
    fn gather(entries: &'a [Entry]) -> Self {
        let mut facts = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            facts.add(index, entry);
        }
        facts
    }

    fn add(&mut self, index: usize, entry: &'a Entry) {
        let told = |generation, offset, reset| Told {
            entry: index,
            invoked_ns: entry.invoked_ns,
            returned_ns: entry.returned_ns,
            generation,
            offset,
            certain: entry.outcome == Outcome::Ok,
            reset,
        };
        match &entry.operation {
            Operation::CommitOffset {
                group,
                at,
                offset,
                generation,
                reset,
            } if entry.outcome != Outcome::Fail => {
                let told = told(*generation, Some(*offset), *reset);
                self.offsets
                    .entry((group, at))
                    .or_default()
                    .commits
                    .push(told);
            }
            Operation::FetchOffset {
                group,
                at,
                generation,
                offset,
            } if entry.outcome == Outcome::Ok => {
                let told = told(*generation, *offset, false);
                self.offsets
                    .entry((group, at))
                    .or_default()
                    .answers
                    .push(told);
            }
            Operation::Own {
                group,
                generation,
                member,
                from_ns,
                partitions,
            } if entry.outcome == Outcome::Ok => {
                self.owned.entry(group).or_default().push(Owned {
                    entry: index,
                    asked_ns: entry.invoked_ns,
                    from_ns: *from_ns,
                    until_ns: entry.returned_ns,
                    generation: *generation,
                    member,
                    partitions,
                });
            }
            Operation::GroupLives { group, partitions } => self.lives.push(Lives {
                entry: index,
                group,
                from_ns: entry.invoked_ns,
                until_ns: entry.returned_ns,
                partitions,
            }),
            _ => {}
        }
    }
}

/// What an answer says was committed, and nothing later than what was known before (I9).
fn check_committed_offsets(place: Place<'_>, told: &Offsets, found: &mut Vec<Anomaly>) {
    let (group, at) = place;
    for answer in &told.answers {
        let floor = told
            .commits
            .iter()
            .chain(&told.answers)
            .filter(|known| known.certain && known.returned_ns < answer.invoked_ns)
            .filter_map(|known| Some((told.least_since(known, answer)?, known.entry)))
            .max_by_key(|(offset, _)| *offset);
        if let Some((known_offset, known)) = floor
            && answer.offset.is_none_or(|offset| offset < known_offset)
        {
            found.push(Anomaly::CommitWentBack {
                group: group.to_owned(),
                at: at.clone(),
                known,
                known_offset,
                query: answer.entry,
                found: answer.offset,
            });
        }
        let committed = |commit: &Told| {
            commit.offset == answer.offset && commit.invoked_ns < answer.returned_ns
        };
        if let Some(offset) = answer.offset
            && !told.commits.iter().any(committed)
        {
            found.push(Anomaly::NeverCommitted {
                group: group.to_owned(),
                at: at.clone(),
                query: answer.entry,
                found: offset,
            });
        }
    }
}

impl Offsets {
    /// The least that can be there when `answer` is given, if `known` was there before.
    fn least_since(&self, known: &Told, answer: &Told) -> Option<u64> {
        let lowered = self.commits.iter().filter(|commit| {
            let late_enough = !commit.certain || commit.returned_ns >= known.invoked_ns;
            let early_enough = commit.invoked_ns <= answer.returned_ns;
            late_enough && early_enough && commit.may_lower(known)
        });
        lowered
            .filter_map(|commit| commit.offset)
            .chain(known.offset)
            .min()
            .filter(|_| known.offset.is_some())
    }
}

impl Told {
    /// Whether this commit may have taken effect after `known` although it says less.
    fn may_lower(&self, known: &Told) -> bool {
        let fenced = matches!(
            (self.generation, known.generation),
            (Some(own), Some(known)) if own < known
        );
        self.reset || (!self.certain && !fenced)
    }
}

/// Nothing commits in a generation once a later one is known (I9).
fn check_stale_commits<'a>(
    group: &str,
    owned: &[Owned<'_>],
    commits: impl Iterator<Item = &'a Told>,
    found: &mut Vec<Anomaly>,
) {
    for commit in commits.filter(|commit| commit.certain) {
        let Some(generation) = commit.generation else {
            continue;
        };
        let later = owned
            .iter()
            .find(|later| later.generation > generation && later.from_ns < commit.invoked_ns);
        if let Some(later) = later {
            found.push(Anomaly::StaleCommit {
                group: group.to_owned(),
                commit: commit.entry,
                generation,
                later: later.entry,
                later_generation: later.generation,
            });
        }
    }
}

/// One owner for a partition and generation, and generations that only grow (I10).
fn check_owners(group: &str, owned: &[Owned<'_>], found: &mut Vec<Anomaly>) {
    let mut owners: BTreeMap<(u32, &TopicPartition), &Owned<'_>> = BTreeMap::new();
    for owner in owned {
        for at in owner.partitions {
            let first = *owners.entry((owner.generation, at)).or_insert(owner);
            if first.member != owner.member {
                found.push(Anomaly::DoubleOwner {
                    group: group.to_owned(),
                    at: at.clone(),
                    generation: owner.generation,
                    first: first.entry,
                    second: owner.entry,
                });
            }
        }
    }
    for later in owned {
        let earlier = owned.iter().find(|earlier| {
            earlier.from_ns < later.asked_ns && earlier.generation > later.generation
        });
        if let Some(earlier) = earlier {
            found.push(Anomaly::GenerationWentBack {
                group: group.to_owned(),
                earlier: earlier.entry,
                earlier_generation: earlier.generation,
                later: later.entry,
                later_generation: later.generation,
            });
        }
    }
}

impl Lives<'_> {
    /// Whether some generation was held within this time and owned everything.
    fn becomes_stable(&self, owned: &[Owned<'_>]) -> bool {
        let mut held: BTreeMap<u32, BTreeSet<&TopicPartition>> = BTreeMap::new();
        for owner in owned {
            if owner.from_ns <= self.until_ns && owner.until_ns >= self.from_ns {
                let partitions = held.entry(owner.generation).or_default();
                partitions.extend(owner.partitions);
            }
        }
        let all = |held: &BTreeSet<_>| self.partitions.iter().all(|at| held.contains(at));
        held.values().any(all)
    }
}

#[cfg(test)]
mod tests;
