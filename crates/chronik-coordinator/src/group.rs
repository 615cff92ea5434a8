//! One group of the classic protocol, and the offsets committed to it.
//!
//! ```text
//!          first member joins              all joined, or rebalance timeout
//!   Empty ──────────────────► PreparingRebalance ──────────────────► CompletingRebalance
//!     ▲                        │     ▲   ▲                              │      │
//!     └── nobody left ─────────┘     │   └── joins, leaves, timeouts ───┘      │ leader syncs,
//!                                    │                                         │ its record is in
//!                                    └────── joins, leaves, timeouts ── Stable ◄┘
//! ```
//!
//! Kafka's `Dead` is a group that is not in the shard. Keeps I10: a generation begins with all
//! members that joined, in one protocol; whoever is not in it is refused before anything is done.
//! Stored metadata is applied by [`Group::apply`] alone, on load and when a record was appended.
//! Absent: which groups there are, and when the shell appends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::generated::{
    ConsumerProtocolSubscription, GroupMetadataKey, GroupMetadataValue, JoinGroupResponse,
    SyncGroupResponse,
};
use chronik_protocol::{Decoder, Limits, Message, Str};
use chronik_types::{ErrorCode, Instant, Timestamp};

use crate::deadlines::Kind;
use crate::member::{MEMBER_EXTRA, Member, Parked, truncated};
use crate::names::Seeded;
use crate::offsets::GroupOffsets;
use crate::reply::{After, Reply, Ticket};
use crate::request::not_empty;
use crate::shared::Shared;
use crate::{Now, encoding};

mod expiry;
mod invariants;
mod join;
mod leave;
mod rebalance;
mod renew;
mod sync;
mod view;

pub(crate) use expiry::TOMBSTONES_MAX;
pub(crate) use join::Replacement;
pub(crate) use leave::left;

/// The type of group, as ListGroups names it.
pub(crate) const GROUP_TYPE: &str = "classic";
/// The protocol type of consumers, whose metadata Kafka looks into.
const CONSUMER: &str = "consumer";
/// Events kept of a group.
const EVENTS_MAX: usize = 64;
/// The most of an event's words, in bytes.
const EVENT_MAX: usize = 512;
/// The most of a client's own words in an event, in bytes.
const WORDS_MAX: usize = 256;

/// What a group of this id holds by itself, in bytes: its fields and its deadlines.
pub(crate) fn group_weight(id: &str) -> usize {
    1024 + id.len()
}

/// Where a group is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Members are asked to join again.
    PreparingRebalance,
    /// All have joined; the leader assigns.
    CompletingRebalance,
    /// Every member has its assignment, or can fetch it.
    Stable,
}

impl GroupState {
    /// Each of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::Empty,
        Self::PreparingRebalance,
        Self::CompletingRebalance,
        Self::Stable,
    ];

    /// Kafka's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// Something that happened to a group, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupEvent {
    /// When.
    pub at: Timestamp,
    /// The generation at that moment.
    pub generation: i32,
    /// What.
    pub what: String,
}

impl GroupEvent {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.what.len()
    }
}

/// An id that was given out and not used yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    ends: Instant,
    charged: usize,
}

/// How the joining phase ends.
#[derive(Clone, Copy, Debug)]
struct JoinPhase {
    ends: Instant,
    /// Of a rebalance that began with an empty group: how much longer it may be extended.
    initial: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: Str,
    pub(crate) state: GroupState,
    /// Since when; none of a group that the log of an old Kafka tells of.
    state_since: Option<Timestamp>,
    /// Whether the log holds its metadata.
    pub(crate) stored: bool,
    generation: i32,
    protocol_type: Option<Str>,
    protocol: Option<Str>,
    leader: Option<Str>,
    members: BTreeMap<Str, Member>,
    /// How many members support each protocol.
    supported: BTreeMap<Str, usize>,
    /// How many members wait in JoinGroup.
    joining: usize,
    /// Member id by instance id.
    statics: BTreeMap<Str, Str>,
    pending: BTreeMap<Str, Pending>,
    /// Members of the generation that have not synced.
    unsynced: BTreeSet<Str>,
    join_phase: Option<JoinPhase>,
    /// Whether somebody joined since the initial delay was set.
    new_member_added: bool,
    /// When those of `unsynced` are removed.
    sync_ends: Option<Instant>,
    /// When to look at retention.
    expiry_at: Option<Instant>,
    /// The topics that consumers subscribe to, if they could be read.
    subscribed: Option<BTreeSet<Str>>,
    pub(crate) offsets: GroupOffsets,
    events: VecDeque<GroupEvent>,
}

impl Group {
    pub(crate) fn new(id: &Str) -> Self {
        Self {
            id: id.detached(),
            state: GroupState::Empty,
            state_since: None,
            stored: false,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            supported: BTreeMap::new(),
            joining: 0,
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            join_phase: None,
            new_member_added: false,
            sync_ends: None,
            expiry_at: None,
            subscribed: None,
            offsets: GroupOffsets::default(),
            events: VecDeque::new(),
        }
    }

    /// Whether nothing is left of it.
    pub(crate) fn is_gone(&self) -> bool {
        !self.stored
            && self.offsets.len() == 0
            && self.members.is_empty()
            && self.pending.is_empty()
            && self.state == GroupState::Empty
    }

    /// What it holds besides members and offsets, in bytes.
    pub(crate) fn own_weight(&self) -> usize {
        let events = self.events.iter().map(GroupEvent::weight);
        group_weight(&self.id) + events.sum::<usize>()
    }

    /// What it holds with all that is in it, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let members = self.members.values().map(|m| m.charged);
        let pending = self.pending.values().map(|p| p.charged);
        let each = members.chain(pending).map(|bytes| bytes + MEMBER_EXTRA);
        self.own_weight() + self.offsets.bytes() + each.sum::<usize>()
    }

    /// The record that makes a new group known.
    pub(crate) fn first_record(id: &Str, now: Now) -> (GroupMetadataKey, GroupMetadataValue) {
        let value = GroupMetadataValue {
            protocol: None,
            leader: None,
            current_state_timestamp: now.wall.as_millis(),
            ..GroupMetadataValue::default()
        };
        (GroupMetadataKey { group: id.clone() }, value)
    }

    /// What the log has to hold of the group, with these assignments instead of the members' own.
    pub(crate) fn to_value(
        &self,
        assignments: Option<&BTreeMap<Str, Bytes>>,
    ) -> GroupMetadataValue {
        let none = Bytes::new();
        let members = self.members.values().map(|member| {
            let assignment = match assignments {
                None => &member.assignment,
                Some(assignments) => assignments.get(&member.id).unwrap_or(&none),
            };
            member.to_record(self.protocol.as_ref(), assignment)
        });
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since.map_or(-1, Timestamp::as_millis),
            members: members.collect(),
        }
    }

    /// Gathers the record of the group.
    fn store(&self, sh: &mut Shared, value: &GroupMetadataValue) {
        let key = GroupMetadataKey {
            group: self.id.clone(),
        };
        sh.record(encoding::group(&key, Some(value)));
    }

    /// Takes over what the log says. Members that it names and we have keep what only we know.
    pub(crate) fn apply(&mut self, sh: &mut Shared, value: &GroupMetadataValue) {
        self.stored = true;
        self.generation = value.generation;
        self.protocol_type = not_empty(value.protocol_type.detached());
        self.protocol = value.protocol.as_ref().map(Str::detached);
        self.state_since = (value.current_state_timestamp >= 0)
            .then_some(Timestamp::from_millis(value.current_state_timestamp));
        let named: BTreeSet<&Str> = value.members.iter().map(|m| &m.member_id).collect();
        let unnamed = self.members.keys().filter(|id| !named.contains(id));
        for id in unnamed.cloned().collect::<Vec<_>>() {
            self.drop_member(sh, &id);
        }
        for record in &value.members {
            if self.members.contains_key(&record.member_id) {
                self.renew(record);
            } else {
                self.insert(sh, Member::from_record(record, self.protocol.as_ref()));
            }
            self.charge(sh, &record.member_id);
        }
        self.leader = value.leader.as_ref().map(Str::detached);
        self.state = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::Stable
        };
        self.subscribed = self.subscriptions();
    }

    /// The log says that the group is deleted; its offsets have tombstones of their own.
    pub(crate) fn forget(&mut self, sh: &mut Shared) {
        self.drop_everyone(sh);
        let offsets = std::mem::take(&mut self.offsets);
        let events = std::mem::take(&mut self.events);
        *self = Self {
            offsets,
            events,
            expiry_at: self.expiry_at,
            ..Self::new(&self.id)
        };
    }

    /// Removes all members and pending ids, with what they hold.
    pub(crate) fn drop_everyone(&mut self, sh: &mut Shared) {
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            self.drop_member(sh, &id);
        }
        for id in self.pending.keys().cloned().collect::<Vec<_>>() {
            self.drop_pending(sh, &id);
        }
    }

    /// Sessions begin anew when the log has been read.
    pub(crate) fn loaded(&mut self, sh: &mut Shared, now: Now) {
        for member in self.members.values_mut() {
            member.session_ends = now.instant + member.session_timeout;
            sh.arm(
                &self.id,
                Kind::Session(member.id.clone()),
                member.session_ends,
            );
        }
        if self.members.len() > sh.settings.group_size_max {
            self.prepare_rebalance(sh, now, "the group is larger than group.max.size");
        }
        let wait = self.share_of(sh, sh.settings.offsets_retention_check_interval);
        self.look_at_retention(sh, now, wait);
    }

    /// A part of the interval that goes by the group's id: what all groups do once in it after a
    /// start is not to fall on one instant.
    fn share_of(&self, sh: &Shared, interval: Duration) -> Duration {
        const PARTS: u32 = 1 << 16;
        let hash = Seeded(sh.settings.hash_seed).hash_one(self.id.as_bytes());
        let part = u32::try_from(hash % u64::from(PARTS)).unwrap_or(0);
        interval / PARTS * part
    }

    fn set_state(&mut self, state: GroupState, now: Now) {
        self.state = state;
        self.state_since = Some(now.wall);
    }

    /// Keeps an event; the oldest goes.
    pub(crate) fn event(&mut self, sh: &mut Shared, now: Now, what: String) {
        if self.events.len() == EVENTS_MAX
            && let Some(oldest) = self.events.pop_front()
        {
            sh.charge.change(oldest.weight(), 0);
        }
        let event = GroupEvent {
            at: now.wall,
            generation: self.generation,
            what: truncated(&what, EVENT_MAX).to_owned(),
        };
        sh.charge.change(0, event.weight());
        self.events.push_back(event);
    }

    /// Whether a member of this id, and of this instance if it is static, is in the group.
    fn check_member(&self, id: &str, instance: Option<&Str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            let known = self.statics.get(instance);
            let known = known.ok_or(ErrorCode::UnknownMemberId)?;
            if *known != *id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        if self.members.contains_key(id) {
            Ok(())
        } else {
            Err(ErrorCode::UnknownMemberId)
        }
    }

    fn check_generation(&self, generation: i32) -> Result<(), ErrorCode> {
        if generation == self.generation {
            Ok(())
        } else {
            Err(ErrorCode::IllegalGeneration)
        }
    }

    fn insert(&mut self, sh: &mut Shared, member: Member) {
        let id = member.id.clone();
        for protocol in &member.protocols {
            *self.supported.entry(protocol.name.clone()).or_default() += 1;
        }
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        self.joining += usize::from(member.join.is_some());
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id.clone(), member);
        sh.charge.change(0, MEMBER_EXTRA);
        self.charge(sh, &id);
    }

    /// Takes a member out with all that it holds. Its parked requests are the caller's.
    fn take(&mut self, sh: &mut Shared, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        for protocol in &member.protocols {
            release(&mut self.supported, &protocol.name);
        }
        if let Some(instance) = &member.instance
            && self.statics.get(instance) == Some(&member.id)
        {
            self.statics.remove(instance);
        }
        self.joining -= usize::from(member.join.is_some());
        self.unsynced.remove(id);
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        sh.hold(member.charged, 0);
        sh.charge.change(MEMBER_EXTRA, 0);
        sh.disarm(&self.id, Kind::Session(member.id.clone()));
        Some(member)
    }

    /// Takes a member out; its parked requests are told that it is unknown.
    fn drop_member(&mut self, sh: &mut Shared, id: &str) -> Option<Member> {
        let member = self.take(sh, id)?;
        let unknown = ErrorCode::UnknownMemberId;
        answer_join(sh, member.join, join_error(unknown, None));
        answer_sync(sh, member.sync, sync_error(unknown), After::Now);
        Some(member)
    }

    fn drop_pending(&mut self, sh: &mut Shared, id: &str) -> bool {
        let Some((id, pending)) = self.pending.remove_entry(id) else {
            return false;
        };
        sh.hold(pending.charged, 0);
        sh.charge.change(MEMBER_EXTRA, 0);
        sh.disarm(&self.id, Kind::Pending(id));
        true
    }

    /// Charges what a member holds now.
    fn charge(&mut self, sh: &mut Shared, id: &str) {
        if let Some(member) = self.members.get_mut(id) {
            let weight = member.weight();
            sh.hold(member.charged, weight);
            member.charged = weight;
        }
    }

    /// A member was heard of.
    fn heard_of(&mut self, sh: &mut Shared, now: Now, id: &str) {
        if let Some(member) = self.members.get_mut(id) {
            member.session_ends = now.instant + member.session_timeout;
            sh.arm(
                &self.id,
                Kind::Session(member.id.clone()),
                member.session_ends,
            );
        }
    }

    /// Forgets whom to answer; the member goes on waiting.
    pub(crate) fn cancel(&mut self, member: &str, ticket: Ticket) {
        let Some(member) = self.members.get_mut(member) else {
            return;
        };
        for parked in [&mut member.join, &mut member.sync].into_iter().flatten() {
            if parked.ticket == Some(ticket) {
                parked.ticket = None;
            }
        }
    }

    /// Answers everybody who waits, and forgets that they do.
    pub(crate) fn turn_away(&mut self, sh: &mut Shared, error: ErrorCode) {
        self.joining = 0;
        for member in self.members.values_mut() {
            let reply = join_error(error, Some(&member.id));
            answer_join(sh, member.join.take(), reply);
            answer_sync(sh, member.sync.take(), sync_error(error), After::Now);
        }
    }

    /// What the members of a consumer group subscribe to; none if that cannot be known.
    fn subscriptions(&self) -> Option<BTreeSet<Str>> {
        let protocol_type = self.protocol_type.as_ref()?;
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_ref()?;
        if *protocol_type != *CONSUMER {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            for topic in subscription(member.metadata(protocol))? {
                topics.insert(topic.detached());
            }
        }
        Some(topics)
    }

    /// Whether consumers of the group are subscribed to the topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        let topics = self.subscribed.as_ref();
        self.is_of_consumers() && topics.is_some_and(|topics| topics.contains(topic))
    }

    fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_ref().is_some_and(|t| *t == *CONSUMER)
    }
}

fn release(counts: &mut BTreeMap<Str, usize>, name: &Str) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

/// The topics of a consumer's metadata; none if it cannot be read.
fn subscription(metadata: Bytes) -> Option<Vec<Str>> {
    let mut d = Decoder::new(metadata, Limits::default());
    let version: i16 = d.read().ok()?;
    // A newer version only adds at the end.
    let version = version.min(*ConsumerProtocolSubscription::VERSIONS.end());
    let subscription = ConsumerProtocolSubscription::decode(&mut d, version).ok()?;
    Some(subscription.topics)
}

fn join_error(error: ErrorCode, member: Option<&Str>) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: error.code(),
        member_id: member.cloned().unwrap_or_default(),
        ..JoinGroupResponse::default()
    }
}

fn sync_error(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse {
        error_code: error.code(),
        ..SyncGroupResponse::default()
    }
}

fn answer_join(sh: &mut Shared, parked: Option<Parked>, reply: JoinGroupResponse) {
    if let Some(ticket) = parked.and_then(|parked| parked.ticket) {
        sh.answer(ticket, Reply::JoinGroup(reply), After::Now);
    }
}

fn answer_sync(sh: &mut Shared, parked: Option<Parked>, reply: SyncGroupResponse, after: After) {
    if let Some(ticket) = parked.and_then(|parked| parked.ticket) {
        sh.answer(ticket, Reply::SyncGroup(reply), after);
    }
}

/// A client's own words, bounded.
fn words(text: Option<&Str>) -> &str {
    text.map_or("not provided", |text| truncated(text.as_str(), WORDS_MAX))
}
