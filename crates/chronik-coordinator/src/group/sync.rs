//! SyncGroup and Heartbeat: how a generation gets its assignment, and stays alive.

use std::collections::BTreeMap;

use bytes::Bytes;
use chronik_protocol::generated::{HeartbeatResponse, SyncGroupResponse};
use chronik_types::ErrorCode;

use super::join::park;
use super::{Group, GroupState, answer_sync, sync_error};
use crate::deadlines::Kind;
use crate::reply::{After, Reply, Ticket};
use crate::request::{Heartbeat, SyncGroup};
use crate::shared::Shared;
use crate::{AppendFailed, Now};

impl Group {
    /// A member syncs. True if it is the leader, whose assignment has to be stored first; the
    /// record is gathered.
    pub(crate) fn sync(
        &mut self,
        sh: &mut Shared,
        now: Now,
        sync: &SyncGroup,
        ticket: Ticket,
    ) -> bool {
        let refused = match self.check_sync(sync) {
            Ok(()) => match self.state {
                GroupState::CompletingRebalance => return self.park_sync(sh, sync, ticket),
                GroupState::Stable => {
                    self.answer_stable(sh, now, sync, ticket);
                    return false;
                }
                GroupState::Empty => ErrorCode::UnknownMemberId,
                GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            },
            Err(error) => error,
        };
        let reply = Reply::SyncGroup(sync_error(refused));
        sh.answer(ticket, reply, After::Now);
        false
    }

    fn check_sync(&self, sync: &SyncGroup) -> Result<(), ErrorCode> {
        self.check_member(&sync.member, sync.instance.as_ref())?;
        self.check_generation(sync.generation)?;
        let differs = |theirs: &Option<_>, ours| theirs.is_some() && theirs != ours;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn park_sync(&mut self, sh: &mut Shared, sync: &SyncGroup, ticket: Ticket) -> bool {
        let parked = park(sh, &self.id, &sync.member, ticket);
        let Some(member) = self.members.get_mut(&sync.member) else {
            return false;
        };
        let earlier = member.sync.replace(parked);
        let again = sync_error(ErrorCode::RebalanceInProgress);
        answer_sync(sh, earlier, again, After::Now);
        self.unsynced.remove(&sync.member);
        if self.leader.as_ref() != Some(&sync.member) {
            return false;
        }
        let assignments: BTreeMap<_, _> = sync.assignments.iter().cloned().collect();
        let bytes = |assignments: &BTreeMap<_, Bytes>| -> usize {
            let of_members = assignments
                .iter()
                .filter(|(id, _)| self.members.contains_key(*id));
            of_members.map(|(_, assignment)| assignment.len()).sum()
        };
        let bytes = bytes(&assignments);
        if sh.held_bytes + bytes > sh.settings.held_bytes_max || !sh.charge.fits(bytes) {
            sh.refuse_records();
        } else {
            let value = self.to_value(Some(&assignments));
            self.store(sh, &value);
        }
        true
    }

    fn answer_stable(&mut self, sh: &mut Shared, now: Now, sync: &SyncGroup, ticket: Ticket) {
        self.unsynced.remove(&sync.member);
        self.all_synced();
        self.heard_of(sh, now, &sync.member);
        let member = self.members.get(&sync.member);
        let assignment = member.map(|m| m.assignment.clone()).unwrap_or_default();
        let reply = Reply::SyncGroup(self.assigned(assignment));
        sh.answer(ticket, reply, After::AfterAppended);
    }

    fn all_synced(&mut self) {
        if self.unsynced.is_empty() {
            self.sync_ends = None;
        }
    }

    fn assigned(&self, assignment: Bytes) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment,
            ..SyncGroupResponse::default()
        }
    }

    /// The leader's assignment is stored, or is not: then the group tries again.
    pub(crate) fn finish_sync(
        &mut self,
        sh: &mut Shared,
        now: Now,
        stored: Result<(), AppendFailed>,
    ) {
        if let Err(failed) = stored {
            self.reset_assignments(sh, now, failed.group_error());
            let error = failed.group_error();
            let reason = format!("the assignment could not be stored: {error}");
            self.prepare_rebalance(sh, now, &reason);
            return;
        }
        self.event(
            sh,
            now,
            "stable: the leader's assignment is stored".to_owned(),
        );
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            let (waits, assignment) = (member.sync.take(), member.assignment.clone());
            if waits.is_some() {
                let reply = self.assigned(assignment);
                answer_sync(sh, waits, reply, After::AfterAppended);
                self.heard_of(sh, now, &id);
            }
        }
        self.all_synced();
    }

    /// Some members may not have synced in time.
    pub(crate) fn sync_is_due(&mut self, sh: &mut Shared, now: Now) {
        match self.sync_ends {
            None => return,
            Some(ends) if ends > now.instant => {
                sh.arm(&self.id, Kind::Sync, ends);
                return;
            }
            Some(_) => self.sync_ends = None,
        }
        let late = std::mem::take(&mut self.unsynced);
        if late.is_empty() {
            return;
        }
        for id in &late {
            self.drop_member(sh, id);
            self.event(
                sh,
                now,
                format!("member {id} removed: it did not sync in time"),
            );
        }
        let reason = format!("{} members did not sync in time", late.len());
        self.rebalance_or_complete(sh, now, &reason);
    }

    /// A member says that it lives.
    pub(crate) fn heartbeat(
        &mut self,
        sh: &mut Shared,
        now: Now,
        heartbeat: &Heartbeat,
    ) -> HeartbeatResponse {
        let answer = self
            .check_member(&heartbeat.member, heartbeat.instance.as_ref())
            .and_then(|()| self.check_generation(heartbeat.generation));
        let error = match (answer, self.state) {
            (Err(error), _) => error,
            (Ok(()), GroupState::Empty) => ErrorCode::UnknownMemberId,
            (Ok(()), GroupState::PreparingRebalance) => {
                self.heard_of(sh, now, &heartbeat.member);
                ErrorCode::RebalanceInProgress
            }
            // Between its JoinGroup and the end of its SyncGroup a member is in the generation.
            (Ok(()), GroupState::CompletingRebalance | GroupState::Stable) => {
                self.heard_of(sh, now, &heartbeat.member);
                ErrorCode::None
            }
        };
        HeartbeatResponse {
            error_code: error.code(),
            ..HeartbeatResponse::default()
        }
    }
}
