//! `GroupShard`: all groups of one partition of `__consumer_offsets`.
//!
//! Keeps I9: what is committed changes only in [`GroupShard::replay`], and the records of a
//! decision are replayed only once they were appended; if the append failed, those who asked are
//! told, and an assignment that could not be stored is taken back. I10 is kept by each group.
//! Absent: the log itself, and the high watermark that some answers wait for.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::Str;
use chronik_types::{ErrorCode, Instant, PartitionId, Timestamp, TopicId};
use indexmap::IndexMap;

use crate::Now;
use crate::deadlines::{Kind, Timer};
use crate::decision::{AppendFailed, Decision, Step};
use crate::encoding::{self, Fact, Record, ReplayError, Replayed};
use crate::group::{Group, GroupEvent, GroupState};
use crate::names::{Names, Seeded};
use crate::offsets::Committed;
use crate::reply::{After, Answer, Effects, Ticket};
use crate::request::{Client, Request};
use crate::settings::Settings;
use crate::shared::Shared;

mod admin;
mod commit;
mod membership;

/// Numbers of a shard, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Groups in `Empty`.
    pub empty: usize,
    /// Groups in `PreparingRebalance`.
    pub preparing_rebalance: usize,
    /// Groups in `CompletingRebalance`.
    pub completing_rebalance: usize,
    /// Groups in `Stable`.
    pub stable: usize,
    /// Members of all groups.
    pub members: usize,
    /// Committed offsets of all groups.
    pub offsets: usize,
    /// Bytes that members and pending ids hold, as charged against `held_bytes_max`.
    pub held_bytes: usize,
}

/// A group as plain data.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupView {
    /// Its id.
    pub id: Str,
    /// Its state.
    pub state: GroupState,
    /// Its generation; 0 before the first.
    pub generation: i32,
    /// What it is about.
    pub protocol_type: Option<Str>,
    /// The protocol of the generation.
    pub protocol: Option<Str>,
    /// The member that assigns.
    pub leader: Option<Str>,
    /// Its members, by id.
    pub members: Vec<MemberView>,
    /// Ids that were given out and not used yet.
    pub pending_members: usize,
    /// Committed offsets, by topic and partition.
    pub offsets: Vec<(String, PartitionId, Committed)>,
    /// The last events, the oldest first.
    pub events: Vec<GroupEvent>,
}

/// A member as plain data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberView {
    /// Its id.
    pub id: Str,
    /// The instance of a static member.
    pub instance: Option<Str>,
    /// Its client.
    pub client: Client,
    /// What it was assigned; opaque.
    pub assignment: Bytes,
}

/// Offsets of a deleted topic that still have to go.
#[derive(Debug)]
struct Expunge {
    group: Str,
    topic: Str,
    topic_id: TopicId,
    /// Of those that do not tell their topic's id: if they were committed later they are of
    /// another topic of that name. None if it is not known when; then they stay.
    deleted_at: Option<Timestamp>,
}

impl Expunge {
    fn is_of_it(&self, committed: &Committed) -> bool {
        match committed.topic_id {
            Some(id) => id == self.topic_id,
            None => self
                .deleted_at
                .is_some_and(|deleted_at| committed.committed_at <= deleted_at),
        }
    }
}

/// The state of one partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct GroupShard {
    groups: IndexMap<Str, Group, Seeded>,
    names: Names,
    shared: Shared,
    offsets: usize,
    /// Where the group of the last replayed offset stands: the next is often of the same.
    last: usize,
    expunge: VecDeque<Expunge>,
    /// When to try again to expunge.
    expunge_at: Instant,
}

/// How long to wait after tombstones could not be appended.
const RETRY: Duration = Duration::from_secs(10);

impl GroupShard {
    /// An empty shard: [`Self::replay`] every record of the log, then say [`Self::loaded`].
    pub fn new(settings: Settings) -> Self {
        let hasher = Seeded(settings.hash_seed);
        Self {
            groups: IndexMap::with_hasher(hasher),
            names: Names::new(hasher),
            shared: Shared::new(settings),
            offsets: 0,
            last: 0,
            expunge: VecDeque::new(),
            expunge_at: Instant::default(),
        }
    }

    /// Takes over one record of the log. A record that cannot be read changes nothing and is no
    /// reason to stop: log and count it.
    pub fn replay(
        &mut self,
        key: Option<&Bytes>,
        value: Option<&Bytes>,
    ) -> Result<Replayed, ReplayError> {
        match encoding::read(key, value)? {
            Fact::Offset(key, Some(value)) => {
                let partition = PartitionId::new(key.partition);
                let committed = Committed::from_value(&value);
                let at = self.group_or_new(&key.group);
                let offsets = &mut self.groups[at].offsets;
                let before = offsets.bytes();
                let is_new = offsets.set(&mut self.names, &key.topic, partition, committed);
                self.shared.charge.change(before, offsets.bytes());
                self.offsets += usize::from(is_new);
                Ok(Replayed::OffsetCommitted)
            }
            Fact::Offset(key, None) => {
                if let Some(group) = self.groups.get_mut(&key.group) {
                    let partition = PartitionId::new(key.partition);
                    let before = group.offsets.bytes();
                    self.offsets -= usize::from(group.offsets.remove(&key.topic, partition));
                    self.shared.charge.change(before, group.offsets.bytes());
                    self.remove_if_gone(&key.group);
                }
                Ok(Replayed::OffsetDeleted)
            }
            Fact::Group(key, Some(value)) => {
                let at = self.group_or_new(&key.group);
                self.groups[at].apply(&mut self.shared, &value);
                Ok(Replayed::GroupStored)
            }
            Fact::Group(key, None) => {
                if let Some(group) = self.groups.get_mut(&key.group) {
                    group.forget(&mut self.shared);
                    self.remove_if_gone(&key.group);
                }
                Ok(Replayed::GroupDeleted)
            }
            Fact::Other(record_type) => Ok(Replayed::Skipped(record_type)),
        }
    }

    /// The log has been read: members have a whole session timeout from now.
    pub fn loaded(&mut self, now: Now) {
        for group in self.groups.values_mut() {
            group.loaded(&mut self.shared, now);
        }
    }

    /// The shell no longer coordinates: everybody who waits is told. The shard is then to be
    /// dropped.
    pub fn unload(mut self) -> Effects {
        for group in self.groups.values_mut() {
            group.turn_away(&mut self.shared, ErrorCode::NotCoordinator);
        }
        let answers = std::mem::take(&mut self.shared.answers);
        Effects { answers }
    }

    /// Decides a request. [`Self::finish`] has to follow, with the ticket's answer or later.
    pub fn handle(&mut self, now: Now, request: Request, ticket: Ticket) -> Decision {
        let step = match request {
            Request::JoinGroup(join) => self.join(now, join, ticket),
            Request::SyncGroup(sync) => self.sync(now, &sync, ticket),
            Request::Heartbeat(heartbeat) => self.heartbeat(now, &heartbeat, ticket),
            Request::LeaveGroup(leave) => self.leave(now, &leave, ticket),
            Request::OffsetCommit(commit) => self.commit(now, commit, ticket),
            Request::OffsetFetch(fetch) => self.fetch(fetch, ticket),
            Request::OffsetDelete(delete) => self.delete_offsets(&delete, ticket),
            Request::DescribeGroups(ids) => self.describe(&ids, ticket),
            Request::ListGroups(filter) => self.list(&filter, ticket),
            Request::DeleteGroups(ids) => self.delete_groups(ids, ticket),
        };
        self.decision(step)
    }

    /// The outcome of appending a decision's records; `Ok` if there were none. The answers are
    /// added to `effects`.
    pub fn finish(
        &mut self,
        now: Now,
        decision: Decision,
        appended: Result<(), AppendFailed>,
        effects: &mut Effects,
    ) {
        let Decision {
            records,
            answers,
            step,
            unwritable,
        } = decision;
        let appended = match unwritable {
            true => Err(AppendFailed::TooLarge),
            false => appended,
        };
        effects.answers.extend(answers);
        // A takeover changes who is in the group, which the record then finds done.
        if let Step::Replace(replacement) = &step
            && let Some(group) = self.groups.get_mut(&replacement.join.group)
        {
            group.finish_replacement(&mut self.shared, now, replacement, appended);
        }
        if appended.is_ok() {
            for record in &records {
                let replayed = self.replay(Some(&record.key), record.value.as_ref());
                debug_assert!(replayed.is_ok(), "what we wrote can be read: {replayed:?}");
            }
        }
        self.step(now, step, appended);
        let mut answers = std::mem::take(&mut self.shared.answers);
        wait_for(&records, &mut answers);
        effects.answers.extend(answers);
    }

    /// When [`Self::due`] has something to do, at the earliest; perhaps it then has not.
    pub fn next_deadline(&self) -> Option<Instant> {
        let expunge = (!self.expunge.is_empty()).then_some(self.expunge_at);
        let deadline = self.shared.deadlines.next();
        // Nothing is left gathered between calls, but what would be must not be forgotten.
        let gathered = (!self.shared.records.is_empty()).then_some(Instant::default());
        [expunge, deadline, gathered].into_iter().flatten().min()
    }

    /// Does what is due at `now`, one thing at a time: call it, and `finish`, until it is `None`.
    pub fn due(&mut self, now: Now) -> Option<Decision> {
        if let Some(step) = self.expunge_some(now) {
            return Some(self.decision(step));
        }
        while let Some(Timer { group: id, kind }) = self.shared.deadlines.pop(now.instant) {
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            let sh = &mut self.shared;
            let mut step = Step::Nothing;
            match kind {
                Kind::Join => group.join_is_due(sh, now),
                Kind::Sync => group.sync_is_due(sh, now),
                Kind::Session(member) => group.session_is_due(sh, now, &member),
                Kind::Pending(member) => group.pending_is_due(sh, now, &member),
                Kind::Expiry => {
                    group.expiry_is_due(sh, now);
                    step = Step::Expire { group: id.clone() };
                }
            }
            self.remove_if_gone(&id);
            let sh = &self.shared;
            if !sh.records.is_empty() || !sh.answers.is_empty() || sh.unwritable {
                return Some(self.decision(step));
            }
        }
        None
    }

    /// The client of a ticket has gone. Its member stays as it is, but nobody is answered.
    pub fn cancel(&mut self, ticket: Ticket) {
        if let Some((group, member)) = self.shared.parked.remove(&ticket)
            && let Some(group) = self.groups.get_mut(&group)
        {
            group.cancel(&member, ticket);
        }
    }

    /// Numbers for metrics. Looks at every group.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts {
            offsets: self.offsets,
            held_bytes: self.shared.held_bytes,
            ..Facts::default()
        };
        for group in self.groups.values() {
            facts.members += group.members();
            *match group.state {
                GroupState::Empty => &mut facts.empty,
                GroupState::PreparingRebalance => &mut facts.preparing_rebalance,
                GroupState::CompletingRebalance => &mut facts.completing_rebalance,
                GroupState::Stable => &mut facts.stable,
            } += 1;
        }
        facts
    }

    /// The ids of all groups.
    pub fn group_ids(&self) -> impl Iterator<Item = &Str> {
        self.groups.keys()
    }

    /// A group as plain data.
    pub fn group(&self, id: &str) -> Option<GroupView> {
        self.groups.get(id).map(Group::view)
    }

    /// A committed offset.
    pub fn committed(&self, group: &str, topic: &str, partition: PartitionId) -> Option<Committed> {
        self.groups.get(group)?.offsets.get(topic, partition)
    }

    /// The committed offsets of the groups that have members: group, topic, partition, offset.
    pub fn live_offsets(&self) -> impl Iterator<Item = (&Str, &str, PartitionId, Committed)> {
        let live = self.groups.values().filter(|group| group.members() > 0);
        live.flat_map(|group| {
            let offsets = group.offsets.iter();
            offsets.map(|(topic, partition, committed)| (&group.id, topic, partition, committed))
        })
    }

    /// The events of a group, the oldest first; at most 64.
    pub fn events(&self, group: &str) -> impl Iterator<Item = &GroupEvent> {
        let group = self.groups.get(group);
        group.into_iter().flat_map(Group::events)
    }

    /// Panics if something that is always true is not.
    pub fn check_invariants(&self) {
        let held: usize = self
            .groups
            .values()
            .map(|group| group.check_invariants(&self.shared))
            .sum();
        assert_eq!(held, self.shared.held_bytes, "bytes held");
        let weight: usize = self.groups.values().map(Group::weight).sum();
        assert_eq!(weight, self.shared.charge.bytes(), "charged to the room");
        let offsets: usize = self.groups.values().map(|group| group.offsets.len()).sum();
        assert_eq!(offsets, self.offsets, "committed offsets");
        assert!(self.shared.answers.is_empty(), "an answer that nobody took");
        assert!(self.shared.records.is_empty(), "a record that nobody took");
        for (group, member) in self.shared.parked.values() {
            let view = self.groups.get(group);
            assert!(view.is_some(), "{member} waits in {group}, which is gone");
        }
    }

    /// What this call has gathered.
    fn decision(&mut self, step: Step) -> Decision {
        let (records, unwritable) = self.shared.take_records();
        let mut answers = std::mem::take(&mut self.shared.answers);
        wait_for(&records, &mut answers);
        Decision {
            records,
            answers,
            step,
            unwritable,
        }
    }

    /// What follows from an append.
    fn step(&mut self, now: Now, step: Step, appended: Result<(), AppendFailed>) {
        match step {
            Step::Nothing | Step::Replace(_) => {}
            Step::Join(join, ticket) => self.finish_join(now, *join, ticket, appended),
            Step::Sync { group } => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.finish_sync(&mut self.shared, now, appended);
                }
            }
            Step::Commit {
                group,
                ticket,
                response,
            } => self.finish_commit(now, &group, ticket, response, appended),
            Step::DeleteOffsets { ticket, response } => {
                self.finish_delete_offsets(ticket, response, appended);
            }
            Step::DeleteGroups { ticket, results } => {
                self.finish_delete_groups(ticket, results, appended);
            }
            Step::Expire { group } => {
                let interval = self.shared.settings.offsets_retention_check_interval;
                if appended.is_err()
                    && let Some(group) = self.groups.get_mut(&group)
                {
                    group.look_at_retention(&mut self.shared, now, interval);
                }
            }
            Step::Expunge => {
                if appended.is_err() {
                    self.expunge_at = now.instant + RETRY;
                }
            }
        }
    }

    /// The place of a group, which is made if it is not there.
    fn group_or_new(&mut self, id: &Str) -> usize {
        if let Some((last, _)) = self.groups.get_index(self.last)
            && last.as_bytes() == id.as_bytes()
        {
            return self.last;
        }
        self.last = match self.groups.get_index_of(id) {
            Some(at) => at,
            None => {
                let group = Group::new(id);
                self.shared.charge.change(0, group.own_weight());
                self.groups.insert_full(group.id.clone(), group).0
            }
        };
        self.last
    }

    /// Forgets a group of which nothing is left, unless a record about it is to be appended.
    fn remove_if_gone(&mut self, id: &Str) {
        let is_gone = self.groups.get(id).is_some_and(Group::is_gone);
        if is_gone && self.shared.records.is_empty() {
            let group = id.clone();
            self.shared.disarm(&group, Kind::Expiry);
            self.shared.disarm(&group, Kind::Join);
            self.shared.disarm(&group, Kind::Sync);
            if let Some(group) = self.groups.swap_remove(id) {
                self.shared.charge.change(group.own_weight(), 0);
            }
        }
    }
}

/// What is said about records waits for them.
fn wait_for(records: &[Record], answers: &mut [Answer]) {
    if !records.is_empty() {
        for answer in answers {
            answer.after = After::AfterAppended;
        }
    }
}
