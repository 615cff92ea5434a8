//! The joining phase: how a rebalance begins, whom it waits for, and how a generation begins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::Str;
use chronik_types::ErrorCode;

use super::{Group, GroupState, JoinPhase, answer_join, answer_sync, sync_error};
use crate::Now;
use crate::deadlines::Kind;
use crate::reply::After;
use crate::request::Protocol;
use crate::shared::Shared;

/// The least to wait for static members of which none has joined.
const NOBODY_JOINED_WAIT: Duration = Duration::from_secs(1);

impl Group {
    /// Whether a rebalance of a group that was empty still gathers members.
    pub(super) fn is_initial(&self) -> bool {
        self.join_phase.is_some_and(|phase| phase.initial.is_some())
    }

    /// Something changed: begin a rebalance, or see whether the one under way is complete.
    pub(super) fn rebalance_or_complete(&mut self, sh: &mut Shared, now: Now, reason: &str) {
        match self.state {
            GroupState::PreparingRebalance => self.maybe_complete_join(sh, now),
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => {
                self.prepare_rebalance(sh, now, reason);
            }
        }
    }

    pub(super) fn prepare_rebalance(&mut self, sh: &mut Shared, now: Now, reason: &str) {
        if self.state == GroupState::CompletingRebalance {
            self.reset_assignments(sh, now, ErrorCode::RebalanceInProgress);
        }
        self.unsynced.clear();
        self.sync_ends = None;
        let was_empty = self.state == GroupState::Empty;
        self.set_state(GroupState::PreparingRebalance, now);
        self.event(sh, now, format!("rebalance begins: {reason}"));
        if was_empty {
            let delay = sh.settings.initial_rebalance_delay;
            let left = self.rebalance_timeout().saturating_sub(delay);
            self.wait_for_joins(sh, now, delay, Some(left));
        } else {
            self.complete_or_wait(sh, now);
        }
    }

    fn wait_for_joins(
        &mut self,
        sh: &mut Shared,
        now: Now,
        wait: Duration,
        initial: Option<Duration>,
    ) {
        let ends = now.instant + wait;
        self.join_phase = Some(JoinPhase { ends, initial });
        sh.disarm(&self.id, Kind::Join);
        sh.arm(&self.id, Kind::Join, ends);
    }

    fn complete_or_wait(&mut self, sh: &mut Shared, now: Now) {
        if self.has_all_joined() {
            self.complete_join(sh, now);
        } else {
            self.wait_for_joins(sh, now, self.rebalance_timeout(), None);
        }
    }

    pub(super) fn maybe_complete_join(&mut self, sh: &mut Shared, now: Now) {
        let gathers = self.state == GroupState::PreparingRebalance && !self.is_initial();
        if gathers && self.has_all_joined() {
            self.complete_join(sh, now);
        }
    }

    fn has_all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    /// How long to wait for members: the longest that one of them asks for.
    fn rebalance_timeout(&self) -> Duration {
        let timeouts = self.members.values().map(|m| m.rebalance_timeout);
        timeouts.max().unwrap_or_default()
    }

    /// The joining phase may be over.
    pub(crate) fn join_is_due(&mut self, sh: &mut Shared, now: Now) {
        let Some(phase) = self.join_phase else {
            return;
        };
        if phase.ends > now.instant {
            sh.arm(&self.id, Kind::Join, phase.ends);
            return;
        }
        match phase.initial {
            Some(left) if self.new_member_added => {
                self.new_member_added = false;
                let delay = sh.settings.initial_rebalance_delay.min(left);
                self.wait_for_joins(sh, now, delay, Some(left.saturating_sub(delay)));
            }
            _ => self.complete_join(sh, now),
        }
    }

    /// Those who have not joined again are out; the others are the next generation.
    fn complete_join(&mut self, sh: &mut Shared, now: Now) {
        self.join_phase = None;
        self.new_member_added = false;
        sh.disarm(&self.id, Kind::Join);
        let missing = self.members.values().filter(|m| m.join.is_none());
        let missing = missing.filter(|m| m.instance.is_none());
        for id in missing.map(|m| m.id.clone()).collect::<Vec<_>>() {
            self.drop_member(sh, &id);
            self.event(
                sh,
                now,
                format!("member {id} removed: it did not join again in time"),
            );
        }
        if !self.members.is_empty() && !self.elect_leader() {
            // Only static members are left, and none has joined: their sessions decide. They may
            // have asked for no time at all.
            let wait = self.rebalance_timeout().max(NOBODY_JOINED_WAIT);
            self.wait_for_joins(sh, now, wait, None);
            return;
        }
        // A generation is never negative: below zero means none at all.
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        if self.members.is_empty() {
            self.become_empty(sh, now);
        } else {
            self.begin_generation(sh, now);
        }
        self.look_at_retention(sh, now, sh.settings.offsets_retention_check_interval);
    }

    fn become_empty(&mut self, sh: &mut Shared, now: Now) {
        self.protocol = None;
        self.leader = None;
        self.subscribed = self.subscriptions();
        self.set_state(GroupState::Empty, now);
        self.event(sh, now, "the group is empty".to_owned());
        self.store(sh, &self.to_value(None));
    }

    fn begin_generation(&mut self, sh: &mut Shared, now: Now) {
        self.protocol = self.select_protocol(None);
        self.subscribed = self.subscriptions();
        self.set_state(GroupState::CompletingRebalance, now);
        self.event(
            sh,
            now,
            format!("generation of {} members", self.members.len()),
        );
        self.unsynced = self.members.keys().cloned().collect();
        self.joining = 0;
        for id in self.unsynced.clone() {
            let is_leader = self.leader.as_ref() == Some(&id);
            let waits = self.members.get_mut(&id).and_then(|m| {
                m.is_new = false;
                m.join.take()
            });
            if waits.is_some() {
                let reply = self.joined(&id, is_leader);
                answer_join(sh, waits, reply);
            }
            self.heard_of(sh, now, &id);
        }
        let ends = now.instant + self.rebalance_timeout();
        self.sync_ends = Some(ends);
        sh.arm(&self.id, Kind::Sync, ends);
    }

    /// The leader stays if it has joined, otherwise another that has becomes it.
    fn elect_leader(&mut self) -> bool {
        let joined = |id: &Str| self.members.get(id).is_some_and(|m| m.join.is_some());
        if self.leader.as_ref().is_some_and(joined) {
            return true;
        }
        let next = self.members.values().find(|m| m.join.is_some());
        let next = next.map(|m| m.id.clone());
        let found = next.is_some();
        if found {
            self.leader = next;
        }
        found
    }

    /// The protocol that all support and most prefer; `instead` stands for a member's own list.
    pub(super) fn select_protocol(&self, instead: Option<(&Str, &[Protocol])>) -> Option<Str> {
        let of = |id: &Str| match instead {
            Some((other, protocols)) if other == id => Some(protocols),
            _ => self.members.get(id).map(|m| m.protocols.as_slice()),
        };
        let names = |list: &[Protocol]| list.iter().map(|p| p.name.clone()).collect();
        let (without, with): (BTreeSet<Str>, BTreeSet<Str>) = match instead {
            None => Default::default(),
            Some((id, list)) => {
                let own = self.members.get(id).map(|m| names(&m.protocols));
                (own.unwrap_or_default(), names(list))
            }
        };
        let all = self.members.len();
        let by_all = |p: &&Protocol| {
            let now = self.supported.get(&p.name).copied().unwrap_or(0);
            let then = now + usize::from(with.contains(&p.name));
            then - usize::from(without.contains(&p.name)) == all
        };
        // Of equals the one that the leader likes best.
        let first = self.leader.as_ref();
        let first = first.or_else(|| self.members.keys().next())?;
        let mut candidates: Vec<&Str> = Vec::new();
        let mut places = BTreeMap::new();
        for protocol in of(first)?.iter().filter(by_all) {
            places.entry(&protocol.name).or_insert_with(|| {
                candidates.push(&protocol.name);
                candidates.len() - 1
            });
        }
        let mut votes = vec![0_usize; candidates.len()];
        for id in self.members.keys() {
            let mut liked = of(id).unwrap_or_default().iter();
            if let Some(vote) = liked.find_map(|p| places.get(&p.name)) {
                votes[*vote] += 1;
            }
        }
        let most = *votes.iter().max()?;
        let winner = votes.iter().position(|count| *count == most)?;
        Some(candidates[winner].clone())
    }

    /// Takes all assignments back and tells those who wait for one.
    pub(super) fn reset_assignments(&mut self, sh: &mut Shared, now: Now, error: ErrorCode) {
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.assignment = Bytes::new();
            let waits = member.sync.take();
            self.charge(sh, &id);
            if waits.is_some() {
                answer_sync(sh, waits, sync_error(error), After::Now);
                self.heard_of(sh, now, &id);
            }
        }
    }
}
