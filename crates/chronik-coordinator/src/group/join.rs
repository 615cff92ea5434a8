//! JoinGroup: who may join, as whom, and when that begins a rebalance.
//!
//! A dynamic member without an id is given one first if its client can join with it (KIP-394).
//! A static member (KIP-345) is known by its instance: a new process takes over the instance under
//! a new id, and in a stable group without a rebalance as long as the chosen protocol stays.

use std::time::Duration;

use chronik_protocol::Str;
use chronik_protocol::generated::JoinGroupResponse;
use chronik_protocol::generated::group_metadata_value::GroupMetadataValue;
use chronik_protocol::generated::join_group_response::JoinGroupResponseMember;
use chronik_types::ErrorCode;

use super::{Group, GroupState, Pending, answer_join, answer_sync, join_error, sync_error, words};
use crate::deadlines::Kind;
use crate::member::{
    MEMBER_EXTRA, Member, Parked, detached, join_weight, new_id, pending_weight, truncated,
};
use crate::reply::{After, Reply, Ticket};
use crate::request::{JoinGroup, PROTOCOLS_MAX, Protocol};
use crate::shared::Shared;
use crate::{AppendFailed, Now};

/// How long a member's first JoinGroup may wait: without an id it can send no heartbeat.
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A static member that takes over its instance in a stable group, once that is stored.
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(crate) join: JoinGroup,
    pub(crate) ticket: Ticket,
    old: Str,
    new: Str,
}

impl Group {
    /// A member joins. Gives a takeover that has to be stored first; the record is gathered.
    pub(crate) fn join(
        &mut self,
        sh: &mut Shared,
        now: Now,
        join: JoinGroup,
        ticket: Ticket,
    ) -> Option<Replacement> {
        if let Err(error) = self.admit(sh, now, &join) {
            // A full group forgets whom it refuses.
            let member = join.member.as_ref();
            let member = member.filter(|_| error != ErrorCode::GroupMaxSizeReached);
            let refused = join_error(error, member);
            sh.answer(ticket, Reply::JoinGroup(refused), After::Now);
            return None;
        }
        match join.member.clone() {
            None => self.join_as_new(sh, now, join, ticket),
            Some(id) => {
                if let Err(error) = self.join_as(sh, now, &id, join, ticket) {
                    let refused = join_error(error, Some(&id));
                    sh.answer(ticket, Reply::JoinGroup(refused), After::Now);
                }
                None
            }
        }
    }

    /// Whether there is room, and a protocol in common.
    fn admit(&mut self, sh: &mut Shared, now: Now, join: &JoinGroup) -> Result<(), ErrorCode> {
        let known = join.member.as_ref().and_then(|id| self.members.get(id));
        let (charged, is_joining) = known.map_or((0, false), |m| (m.charged, m.join.is_some()));
        let max = sh.settings.group_size_max;
        let has_room = match self.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => is_joining || self.joining < max,
            GroupState::CompletingRebalance | GroupState::Stable => {
                known.is_some() || self.members.len() < max
            }
        };
        let full = Err(ErrorCode::GroupMaxSizeReached);
        if !has_room {
            if let Some(id) = &join.member
                && self.drop_member(sh, id).is_some()
            {
                self.event(sh, now, format!("member {id} removed: the group is full"));
                self.maybe_complete_join(sh, now);
            }
            return full;
        }
        let weight = join_weight(join);
        if weight > charged && sh.held_bytes + (weight - charged) > sh.settings.held_bytes_max {
            return full;
        }
        let extra = if known.is_some() { 0 } else { MEMBER_EXTRA };
        if weight > charged && !sh.charge.fits(weight - charged + extra) {
            return full;
        }
        if !self.supports(join) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    /// Whether all members support one of these protocols.
    fn supports(&self, join: &JoinGroup) -> bool {
        if join.protocols.len() > PROTOCOLS_MAX {
            return false;
        }
        if self.members.is_empty() {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let all = self.members.len();
        let supported = |p: &Protocol| self.supported.get(&p.name) == Some(&all);
        self.protocol_type.as_ref() == Some(&join.protocol_type)
            && join.protocols.iter().any(supported)
    }

    fn join_as_new(
        &mut self,
        sh: &mut Shared,
        now: Now,
        join: JoinGroup,
        ticket: Ticket,
    ) -> Option<Replacement> {
        let id = new_id(&join);
        let known = join.instance.as_ref().and_then(|i| self.statics.get(i));
        if let Some(old) = known.cloned() {
            return self.take_over(sh, now, old, id, join, ticket);
        }
        if join.requires_known_member_id && join.instance.is_none() {
            let reply = self.give_id(sh, now, &join, id);
            sh.answer(ticket, Reply::JoinGroup(reply), After::Now);
        } else {
            self.add(sh, now, id, &join, ticket);
        }
        None
    }

    fn give_id(
        &mut self,
        sh: &mut Shared,
        now: Now,
        join: &JoinGroup,
        id: Str,
    ) -> JoinGroupResponse {
        if self.pending.len() >= sh.settings.pending_members_max {
            return join_error(ErrorCode::GroupMaxSizeReached, None);
        }
        let pending = Pending {
            ends: now.instant + join.session_timeout,
            charged: pending_weight(&id),
        };
        sh.hold(0, pending.charged);
        sh.charge.change(0, MEMBER_EXTRA);
        sh.arm(&self.id, Kind::Pending(id.clone()), pending.ends);
        let reply = join_error(ErrorCode::MemberIdRequired, Some(&id));
        self.pending.insert(id, pending);
        reply
    }

    /// A member that has an id joins.
    fn join_as(
        &mut self,
        sh: &mut Shared,
        now: Now,
        id: &Str,
        join: JoinGroup,
        ticket: Ticket,
    ) -> Result<(), ErrorCode> {
        if self.pending.contains_key(id) {
            if join.instance.is_some() {
                // Ids are given out to dynamic members only.
                return Err(ErrorCode::UnknownServerError);
            }
            self.add(sh, now, id.detached(), &join, ticket);
            return Ok(());
        }
        self.check_member(id, join.instance.as_ref())?;
        let same = self.members.get(id).map(|m| m.protocols == join.protocols) == Some(true);
        let is_leader = self.leader.as_ref() == Some(id);
        match self.state {
            GroupState::Empty => Err(ErrorCode::UnknownMemberId),
            GroupState::CompletingRebalance if same => {
                let reply = self.joined(id, is_leader);
                sh.answer(ticket, Reply::JoinGroup(reply), After::AfterAppended);
                Ok(())
            }
            GroupState::Stable if same && !is_leader => {
                let reply = self.joined(id, false);
                sh.answer(ticket, Reply::JoinGroup(reply), After::AfterAppended);
                Ok(())
            }
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {
                self.update(sh, id, &join, ticket);
                let why = if is_leader && same {
                    "the leader joins again"
                } else if same {
                    "the member joins again"
                } else {
                    "the member's metadata changed"
                };
                let reason = format!("{why}: member {id}; client reason: {}", words_of(&join));
                self.rebalance_or_complete(sh, now, &reason);
                Ok(())
            }
        }
    }

    /// A member becomes one of the group.
    fn add(&mut self, sh: &mut Shared, now: Now, id: Str, join: &JoinGroup, ticket: Ticket) {
        self.drop_pending(sh, &id);
        if self.is_initial() {
            self.new_member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.detached());
        }
        let mut member = Member::from_join(id.clone(), join);
        member.join = Some(park(sh, &self.id, &id, ticket));
        member.is_new = true;
        member.session_ends = now.instant + NEW_MEMBER_JOIN_TIMEOUT;
        sh.arm(&self.id, Kind::Session(id.clone()), member.session_ends);
        self.insert(sh, member);
        let host = truncated(&join.client.host, 64);
        let client = truncated(&join.client.id, 256);
        self.event(
            sh,
            now,
            format!("member {id} (client {client} at {host}) joined"),
        );
        let reason = format!("a new member: {id}; client reason: {}", words_of(join));
        self.rebalance_or_complete(sh, now, &reason);
    }

    /// A member that joins again may say something new, and waits.
    fn update(&mut self, sh: &mut Shared, id: &Str, join: &JoinGroup, ticket: Ticket) {
        let parked = park(sh, &self.id, id, ticket);
        self.set_protocols(sh, id, join);
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        let earlier = member.join.replace(parked);
        self.joining += usize::from(earlier.is_none());
        // Its client has given up on the earlier request, or it would not ask again.
        let reply = join_error(ErrorCode::RebalanceInProgress, Some(id));
        answer_join(sh, earlier, reply);
    }

    fn set_protocols(&mut self, sh: &mut Shared, id: &Str, join: &JoinGroup) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.rebalance_timeout = join.rebalance_timeout;
        member.session_timeout = join.session_timeout;
        for protocol in &member.protocols {
            super::release(&mut self.supported, &protocol.name);
        }
        member.protocols = detached(&join.protocols);
        for protocol in &member.protocols {
            *self.supported.entry(protocol.name.clone()).or_default() += 1;
        }
        self.charge(sh, id);
    }

    /// A new process of a static member.
    fn take_over(
        &mut self,
        sh: &mut Shared,
        now: Now,
        old: Str,
        new: Str,
        join: JoinGroup,
        ticket: Ticket,
    ) -> Option<Replacement> {
        let chosen = self.select_protocol(Some((&old, &join.protocols)));
        if self.state == GroupState::Stable && chosen == self.protocol {
            let value = self.value_with(&old, &new, &join);
            self.store(sh, &value);
            return Some(Replacement {
                join,
                ticket,
                old,
                new,
            });
        }
        self.replace(sh, now, &old, &new, &join);
        self.update(sh, &new, &join, ticket);
        let reason = format!(
            "static member {new} took over its instance; client reason: {}",
            words_of(&join)
        );
        self.rebalance_or_complete(sh, now, &reason);
        None
    }

    /// What the log holds once `new` has taken the place of `old`.
    fn value_with(&self, old: &Str, new: &Str, join: &JoinGroup) -> GroupMetadataValue {
        let mut value = self.to_value(None);
        if self.leader.as_ref() == Some(old) {
            value.leader = Some(new.clone());
        }
        let protocol = self.protocol.as_ref();
        for record in value.members.iter_mut().filter(|m| m.member_id == *old) {
            let assignment = record.assignment.clone();
            *record = Member::from_join(new.clone(), join).to_record(protocol, &assignment);
        }
        value
    }

    /// `new` takes the place of `old`, whose requests are fenced.
    fn replace(&mut self, sh: &mut Shared, now: Now, old: &Str, new: &Str, join: &JoinGroup) {
        let was_leader = self.leader.as_ref() == Some(old);
        let was_unsynced = self.unsynced.contains(old);
        let Some(before) = self.take(sh, old) else {
            return;
        };
        let fenced = ErrorCode::FencedInstanceId;
        answer_join(sh, before.join, join_error(fenced, Some(old)));
        answer_sync(sh, before.sync, sync_error(fenced), After::Now);
        // In a stable group the record that follows brings the assignment.
        self.insert(sh, Member::from_join(new.clone(), join));
        if was_leader {
            self.leader = Some(new.clone());
        }
        if was_unsynced {
            self.unsynced.insert(new.clone());
        }
        self.heard_of(sh, now, new);
        self.event(sh, now, format!("static member {old} replaced by {new}"));
    }

    /// The takeover is stored, or is not.
    pub(crate) fn finish_replacement(
        &mut self,
        sh: &mut Shared,
        now: Now,
        replacement: &Replacement,
        stored: Result<(), AppendFailed>,
    ) {
        let Replacement {
            join,
            ticket,
            old,
            new,
        } = replacement;
        if let Err(failed) = stored {
            let refused = join_error(failed.group_error(), None);
            sh.answer(*ticket, Reply::JoinGroup(refused), After::Now);
            return;
        }
        let leader_before = self.leader.clone();
        self.replace(sh, now, old, new, join);
        let is_leader = self.leader.as_ref() == Some(new);
        let skip = join.skip_assignment_allowed && is_leader;
        let mut reply = self.joined(new, skip);
        reply.skip_assignment = skip;
        if is_leader && !skip {
            // An assignment of a leader that cannot be told to skip it would not reach anybody:
            // it is shown the old leader, and takes itself for a follower.
            reply.leader = leader_before.unwrap_or_default();
        }
        sh.answer(*ticket, Reply::JoinGroup(reply), After::AfterAppended);
    }

    /// The generation, as a member is told; with its members for whoever assigns.
    pub(super) fn joined(&self, id: &Str, with_members: bool) -> JoinGroupResponse {
        let protocol = self.protocol.clone().unwrap_or_default();
        // Not looked at for a follower: a generation of n members would cost n squared.
        let members = with_members.then(|| self.members.values());
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: id.clone(),
            members: members
                .into_iter()
                .flatten()
                .map(|member| JoinGroupResponseMember {
                    member_id: member.id.clone(),
                    group_instance_id: member.instance.clone(),
                    metadata: member.metadata(&protocol),
                })
                .collect(),
            protocol_name: Some(protocol),
            ..JoinGroupResponse::default()
        }
    }
}

/// Notes that a request waits in a member.
pub(super) fn park(sh: &mut Shared, group: &Str, member: &Str, ticket: Ticket) -> Parked {
    sh.parked.insert(ticket, (group.clone(), member.clone()));
    Parked {
        ticket: Some(ticket),
    }
}

fn words_of(join: &JoinGroup) -> &str {
    words(join.reason.as_ref())
}
