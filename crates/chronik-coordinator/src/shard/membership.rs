//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup: which group, and what has to be stored first.

use chronik_protocol::generated::{
    GroupMetadataKey, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse,
};
use chronik_types::ErrorCode;

use super::GroupShard;
use crate::decision::{AppendFailed, Step};
use crate::group::{Group, group_weight, left};
use crate::member::join_weight;
use crate::reply::{After, Reply, Ticket};
use crate::request::{Heartbeat, JoinGroup, LeaveGroup, PROTOCOLS_MAX, SyncGroup};
use crate::{Now, encoding};

impl GroupShard {
    pub(super) fn join(&mut self, now: Now, join: JoinGroup, ticket: Ticket) -> Step {
        if let Err(error) = self.check_join(&join) {
            self.refuse_join(&join, ticket, error);
            return Step::Nothing;
        }
        match self.groups.get_mut(&join.group) {
            Some(group) => {
                let replacement = group.join(&mut self.shared, now, join, ticket);
                replacement.map_or(Step::Nothing, |r| Step::Replace(Box::new(r)))
            }
            None => {
                let (key, value): (GroupMetadataKey, _) = Group::first_record(&join.group, now);
                let record = encoding::group(&key, Some(&value));
                self.shared.record(record);
                Step::Join(Box::new(join), ticket)
            }
        }
    }

    fn check_join(&self, join: &JoinGroup) -> Result<(), ErrorCode> {
        let settings = &self.shared.settings;
        let sessions = settings.session_timeout_min..=settings.session_timeout_max;
        if join.group.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        if !sessions.contains(&join.session_timeout) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        if self.groups.contains_key(&join.group) {
            return Ok(());
        }
        // The group has to be made, by somebody who can be in it.
        if join.member.is_some() {
            Err(ErrorCode::UnknownMemberId)
        } else if join.protocol_type.is_empty()
            || !(1..=PROTOCOLS_MAX).contains(&join.protocols.len())
        {
            Err(ErrorCode::InconsistentGroupProtocol)
        } else if self.groups.len() >= settings.groups_max
            || self.shared.held_bytes >= settings.held_bytes_max
            || !(self.shared.charge).fits(group_weight(&join.group) + join_weight(join))
        {
            Err(ErrorCode::GroupMaxSizeReached)
        } else {
            Ok(())
        }
    }

    fn refuse_join(&mut self, join: &JoinGroup, ticket: Ticket, error: ErrorCode) {
        let reply = JoinGroupResponse {
            error_code: error.code(),
            member_id: join.member.clone().unwrap_or_default(),
            ..JoinGroupResponse::default()
        };
        let reply = Reply::JoinGroup(reply);
        self.shared.answer(ticket, reply, After::Now);
    }

    /// The group exists, or could not be made.
    pub(super) fn finish_join(
        &mut self,
        now: Now,
        join: JoinGroup,
        ticket: Ticket,
        appended: Result<(), AppendFailed>,
    ) {
        if let Err(failed) = appended {
            self.refuse_join(&join, ticket, failed.group_error());
            return;
        }
        let interval = self.shared.settings.offsets_retention_check_interval;
        if let Some(group) = self.groups.get_mut(&join.group) {
            let replacement = group.join(&mut self.shared, now, join, ticket);
            debug_assert!(replacement.is_none(), "a new group has no static members");
            group.look_at_retention(&mut self.shared, now, interval);
        }
    }

    pub(super) fn sync(&mut self, now: Now, sync: &SyncGroup, ticket: Ticket) -> Step {
        let error = if sync.group.is_empty() {
            ErrorCode::InvalidGroupId
        } else if let Some(group) = self.groups.get_mut(&sync.group) {
            if group.sync(&mut self.shared, now, sync, ticket) {
                let group = sync.group.clone();
                return Step::Sync { group };
            }
            return Step::Nothing;
        } else {
            ErrorCode::UnknownMemberId
        };
        let reply = Reply::SyncGroup(SyncGroupResponse {
            error_code: error.code(),
            ..SyncGroupResponse::default()
        });
        self.shared.answer(ticket, reply, After::Now);
        Step::Nothing
    }

    pub(super) fn heartbeat(&mut self, now: Now, heartbeat: &Heartbeat, ticket: Ticket) -> Step {
        let error = |error: ErrorCode| HeartbeatResponse {
            error_code: error.code(),
            ..HeartbeatResponse::default()
        };
        let reply = match self.groups.get_mut(&heartbeat.group) {
            _ if heartbeat.group.is_empty() => error(ErrorCode::InvalidGroupId),
            None => error(ErrorCode::UnknownMemberId),
            Some(group) => group.heartbeat(&mut self.shared, now, heartbeat),
        };
        let reply = Reply::Heartbeat(reply);
        self.shared.answer(ticket, reply, After::Now);
        Step::Nothing
    }

    pub(super) fn leave(&mut self, now: Now, leave: &LeaveGroup, ticket: Ticket) -> Step {
        let reply = match self.groups.get_mut(&leave.group) {
            _ if leave.group.is_empty() => LeaveGroupResponse {
                error_code: ErrorCode::InvalidGroupId.code(),
                ..LeaveGroupResponse::default()
            },
            None => {
                let members = leave.members.iter();
                LeaveGroupResponse {
                    members: members
                        .map(|leaver| left(leaver, ErrorCode::UnknownMemberId))
                        .collect(),
                    ..LeaveGroupResponse::default()
                }
            }
            Some(group) => group.leave(&mut self.shared, now, leave),
        };
        let reply = Reply::LeaveGroup(reply);
        self.shared.answer(ticket, reply, After::Now);
        self.remove_if_gone(&leave.group);
        Step::Nothing
    }
}
