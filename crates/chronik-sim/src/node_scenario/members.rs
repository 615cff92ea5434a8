//! Members of two groups, on two hosts: they join, own partitions, commit growing offsets and read
//! them back, leave, fall silent for longer than their session, and come back.
//!
//! ```text
//! connect ─► join ─► sync ─► read offsets back ─► heartbeat, commit ... ─► leave
//!    ▲        ▲                                     │ another generation
//!    │        └─────────────────────────────────────┤
//!    └──────────────────────────────────────────────┘ no answer: again in this generation, or join
//! ```
//! Once it is calm they neither leave nor fall silent, and their groups must become stable.
//! Absent: reading the topic; an offset is a number that only grows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chronik_io::Rng;
use chronik_protocol::Str;
use chronik_types::{ErrorCode, PartitionId};
use chronik_verify::history::{Operation, Outcome, TopicPartition};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::faults::millis;
use super::group_wire::{Failed, GroupWire, Joined, Position, SESSION};
use super::workload::{Clients, PARTITIONS, at, partitions};
use crate::recorder::Recorder;

const GROUPS: [&str; 2] = ["g-0", "g-1"];
/// Who runs where: the process, and its group.
const ON_HOST: [&[(u32, usize)]; 2] = [&[(41, 0), (42, 0), (43, 1)], &[(44, 0), (45, 1)]];
/// The longest metadata with a commit, in bytes; so long that the offsets topic is soon compacted.
const METADATA_MAX: u64 = 12_000;

/// What members tell the driver, and it them.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    calm: Arc<AtomicBool>,
    held: Arc<Mutex<BTreeMap<u32, Held>>>,
}

/// What a member owns now.
#[derive(Debug)]
struct Held {
    group: &'static str,
    generation: i32,
    partitions: Vec<i32>,
    /// When the coordinator last agreed.
    confirmed_ns: u64,
}

impl Groups {
    fn held(&self) -> MutexGuard<'_, BTreeMap<u32, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nobody leaves or falls silent.
    pub(super) fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Whether each group owns all partitions, by what its members were told since then.
    pub(super) fn are_stable_since(&self, since_ns: u64) -> bool {
        let held = self.held();
        GROUPS.iter().all(|group| {
            let members = held.values().filter(|held| held.group == *group);
            let members = members.filter(|held| held.confirmed_ns > since_ns);
            let generations: BTreeSet<_> = members.clone().map(|held| held.generation).collect();
            let owned: BTreeSet<_> = members.flat_map(|held| &held.partitions).collect();
            generations.len() == 1 && owned.len() == partitions().count()
        })
    }

    /// Writes down that nothing was in the groups' way since then.
    pub(super) fn record_lives(recorder: &Recorder, since_ns: u64) {
        for group in GROUPS {
            let lives = Operation::GroupLives {
                group: group.to_owned(),
                partitions: partitions().map(at).collect(),
            };
            recorder.ended(0, since_ns, Outcome::Ok, lives);
        }
    }
}

impl Clients {
    /// The members of one host, until they are told to stop.
    pub(super) async fn join_groups(self, host: usize) -> turmoil::Result {
        let mut members = JoinSet::new();
        for (process, group) in ON_HOST[host] {
            let member = Member {
                rng: self.rng(*process),
                clients: self.clone(),
                process: *process,
                group: GROUPS[*group],
                id: Str::default(),
                before: None,
            };
            members.spawn(member.live());
        }
        members.join_all().await;
        Ok(())
    }

    /// After all faults and members: what the groups have committed.
    pub(super) async fn read_committed_offsets(&self, process: u32) {
        for group in GROUPS {
            let read = async {
                let wire = GroupWire::connect(group).await?;
                let all: Vec<i32> = partitions().map(PartitionId::get).collect();
                let invoked = self.recorder.stamp();
                let committed = wire.committed(&all).await?;
                record_committed(&self.recorder, process, invoked, (group, None), &committed);
                Ok::<_, Failed>(())
            };
            if let Err(failed) = read.await {
                let text = format!("no committed offsets of {group} after the faults: {failed}");
                self.recorder.violation(text);
            }
        }
    }
}

struct Member {
    clients: Clients,
    rng: Rng,
    process: u32,
    group: &'static str,
    /// Empty while it has none.
    id: Str,
    /// What it owned last.
    before: Option<Owned>,
}

/// A member's partitions in a generation, and how far it is.
struct Owned {
    generation: i32,
    /// The id under which it owns them.
    member: Str,
    asked_ns: u64,
    from_ns: u64,
    positions: BTreeMap<i32, i64>,
}

impl Member {
    async fn live(mut self) {
        let mut owned = None;
        while !self.clients.is_stopping() {
            let lived = match GroupWire::connect(self.group).await {
                Ok(wire) => self.speak(&wire, &mut owned).await,
                Err(failed) => Err(failed),
            };
            if let Err(failed) = lived {
                self.note(format_args!("loses its coordinator: {failed}"));
                sleep(millis(&self.rng, 20, 80)).await;
            }
        }
        self.give_up(&mut owned);
    }

    fn note(&self, event: std::fmt::Arguments<'_>) {
        let Self { process, group, .. } = self;
        self.clients
            .recorder
            .note(format_args!("{process} of {group} {event}"));
    }

    /// One connection's life: generation after generation.
    async fn speak(&mut self, wire: &GroupWire, owned: &mut Option<Owned>) -> Result<(), Failed> {
        while !self.clients.is_stopping() {
            let result = self.generation(wire, owned).await;
            let goes_on = match &result {
                Ok(()) => false,
                Err(Failed::Lost(_)) => self.rng.below(2) == 0,
                Err(Failed::Refused(_)) => false,
            };
            if !goes_on {
                self.give_up(owned);
            }
            match result {
                Ok(()) => {}
                Err(Failed::Refused(
                    code @ (ErrorCode::IllegalGeneration
                    | ErrorCode::UnknownMemberId
                    | ErrorCode::RebalanceInProgress),
                )) => {
                    self.note(format_args!("joins again: {}", code.name()));
                    if code == ErrorCode::UnknownMemberId {
                        self.id = Str::default();
                    }
                }
                failed @ Err(_) => return failed,
            }
        }
        Ok(())
    }

    /// Becomes a member of a generation unless it is, and remains until something ends that.
    async fn generation(
        &mut self,
        wire: &GroupWire,
        owned: &mut Option<Owned>,
    ) -> Result<(), Failed> {
        if owned.is_none() {
            let joined = wire.join(&mut self.id).await?;
            let own = owned.insert(self.sync(wire, &joined).await?);
            self.hold(own);
            let generation = own.generation;
            self.commit_late(wire, generation).await?;
            self.read_back(wire, own).await?;
        }
        while let Some(own) = owned {
            if self.clients.is_stopping() {
                return self.leave(wire).await;
            }
            sleep(millis(&self.rng, 10, 100)).await;
            match self.rng.below(60) {
                0 if !self.clients.groups.is_calm() => return self.leave(wire).await,
                1 if !self.clients.groups.is_calm() => {
                    self.note(format_args!("is silent"));
                    sleep(SESSION + millis(&self.rng, 50, 700)).await;
                    // It does not know yet that it is no member any more.
                    self.commit(wire, own).await?;
                }
                _ => {}
            }
            let alive = wire.heartbeat(&self.id, own.generation).await;
            if alive.is_ok() {
                self.hold(own);
            }
            // Clients commit once more before they join again.
            if self.rng.below(3) > 0 {
                self.commit(wire, own).await?;
            }
            alive?;
            if self.rng.below(4) == 0 {
                self.read_back(wire, own).await?;
            }
        }
        Ok(())
    }

    async fn sync(&self, wire: &GroupWire, joined: &Joined) -> Result<Owned, Failed> {
        let asked_ns = self.clients.recorder.stamp();
        let assigned = |member: &Str| assignment(member, joined);
        let partitions = wire.sync(&self.id, joined, assigned).await?;
        let mut positions = BTreeMap::new();
        for partition in partitions {
            let partition = i32::from(partition);
            if !(0..PARTITIONS).contains(&partition) || positions.insert(partition, 0).is_some() {
                let text = format!("{} was assigned {partition}", self.process);
                self.clients.recorder.violation(text);
            }
        }
        Ok(Owned {
            generation: joined.generation,
            member: self.id.clone(),
            asked_ns,
            from_ns: self.clients.recorder.stamp(),
            positions,
        })
    }

    /// Tells the driver what it owns.
    fn hold(&self, own: &Owned) {
        let held = Held {
            group: self.group,
            generation: own.generation,
            partitions: own.positions.keys().copied().collect(),
            confirmed_ns: self.clients.recorder.stamp(),
        };
        self.clients.groups.held().insert(self.process, held);
    }

    fn give_up(&mut self, owned: &mut Option<Owned>) {
        let Some(own) = owned.take() else { return };
        self.clients.groups.held().remove(&self.process);
        let partitions = own.positions.keys();
        let operation = Operation::Own {
            group: self.group.to_owned(),
            generation: own.generation.unsigned_abs(),
            member: own.member.to_string(),
            from_ns: own.from_ns,
            partitions: partitions.map(|partition| place(*partition)).collect(),
        };
        let recorder = &self.clients.recorder;
        recorder.ended(self.process, own.asked_ns, Outcome::Ok, operation);
        self.before = Some(own);
    }

    /// Goes on where the group is.
    async fn read_back(&self, wire: &GroupWire, own: &mut Owned) -> Result<(), Failed> {
        let partitions: Vec<i32> = own.positions.keys().copied().collect();
        if partitions.is_empty() {
            return Ok(());
        }
        let invoked = self.clients.recorder.stamp();
        let committed = wire.committed(&partitions).await?;
        let asker = (self.group, Some(own.generation.unsigned_abs()));
        let recorder = &self.clients.recorder;
        record_committed(recorder, self.process, invoked, asker, &committed);
        for (partition, offset) in committed {
            let offset = offset.and_then(|offset| i64::try_from(offset).ok());
            let position = own.positions.entry(partition).or_default();
            *position = (*position).max(offset.unwrap_or(0));
        }
        Ok(())
    }

    /// Goes a little further on some partitions, and commits that.
    async fn commit(&self, wire: &GroupWire, own: &mut Owned) -> Result<(), Failed> {
        let mut positions = Vec::new();
        for (partition, offset) in &mut own.positions {
            if self.rng.below(3) > 0 {
                *offset += 1 + i64::try_from(self.rng.below(20)).unwrap_or(0);
                positions.push(Position {
                    partition: *partition,
                    offset: *offset,
                });
            }
        }
        if positions.is_empty() {
            return Ok(());
        }
        let length = usize::try_from(self.rng.below(METADATA_MAX)).unwrap_or(0);
        let metadata = "m".repeat(length);
        let invoked = self.clients.recorder.stamp();
        let committing = wire.commit(&self.id, own.generation, &positions, &metadata);
        let result = committing.await;
        let outcome = result
            .as_ref()
            .map_or_else(Failed::outcome, |()| Outcome::Ok);
        for position in positions {
            let operation = Operation::CommitOffset {
                group: self.group.to_owned(),
                at: place(position.partition),
                offset: position.offset.unsigned_abs(),
                generation: Some(own.generation.unsigned_abs()),
                reset: false,
            };
            let recorder = &self.clients.recorder;
            recorder.ended(self.process, invoked, outcome, operation);
        }
        result
    }

    /// A commit that was meant for an earlier generation than this one, and must be refused.
    async fn commit_late(&mut self, wire: &GroupWire, generation: i32) -> Result<(), Failed> {
        let before = self.before.take();
        let Some(mut before) = before.filter(|before| before.generation < generation) else {
            return Ok(());
        };
        match self.commit(wire, &mut before).await {
            Ok(()) | Err(Failed::Refused(_)) => Ok(()),
            lost @ Err(Failed::Lost(_)) => lost,
        }
    }

    async fn leave(&mut self, wire: &GroupWire) -> Result<(), Failed> {
        self.note(format_args!("leaves"));
        let member = std::mem::take(&mut self.id);
        wire.leave(&member).await?;
        sleep(Duration::from_millis(self.rng.below(400))).await;
        Ok(())
    }
}

/// Every generation's partitions move on by one member.
fn assignment(member: &Str, joined: &Joined) -> Bytes {
    let members = joined.members.iter().flatten().count();
    let place = joined
        .members
        .iter()
        .flatten()
        .position(|each| each == member);
    let generation = usize::try_from(joined.generation).unwrap_or(0);
    let mine = (0_u8..)
        .take(partitions().count())
        .filter(|partition| Some((usize::from(*partition) + generation) % members.max(1)) == place);
    mine.collect()
}

fn place(partition: i32) -> TopicPartition {
    at(PartitionId::new(partition))
}

/// `asker` is the group, and the generation in which the asker is a member.
fn record_committed(
    recorder: &Recorder,
    process: u32,
    invoked: u64,
    asker: (&str, Option<u32>),
    committed: &[(i32, Option<u64>)],
) {
    for (partition, offset) in committed {
        let operation = Operation::FetchOffset {
            group: asker.0.to_owned(),
            at: place(*partition),
            generation: asker.1,
            offset: *offset,
        };
        recorder.ended(process, invoked, Outcome::Ok, operation);
    }
}
