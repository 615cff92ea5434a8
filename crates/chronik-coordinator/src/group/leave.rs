//! How members go: by their own word, by an administrator's, or by silence.

use chronik_protocol::Str;
use chronik_protocol::generated::LeaveGroupResponse;
use chronik_protocol::generated::leave_group_response::MemberResponse;
use chronik_types::ErrorCode;

use super::{Group, words};
use crate::Now;
use crate::deadlines::Kind;
use crate::request::{LeaveGroup, Leaver};
use crate::shared::Shared;

impl Group {
    /// Each leaver is judged for itself; the group rebalances once.
    pub(crate) fn leave(
        &mut self,
        sh: &mut Shared,
        now: Now,
        leave: &LeaveGroup,
    ) -> LeaveGroupResponse {
        let mut gone = Vec::new();
        let each = leave.members.iter().map(|leaver| {
            let result = self.leave_one(sh, now, leaver);
            let (error, id) = match result {
                Ok(id) => (ErrorCode::None, id),
                Err(error) => (error, None),
            };
            gone.extend(id);
            left(leaver, error)
        });
        let members = each.collect();
        if !gone.is_empty() {
            let reason = format!("members left: {}", gone.join(", "));
            self.rebalance_or_complete(sh, now, super::truncated(&reason, 1024));
        } else {
            // A pending id may have been the last one to wait for.
            self.maybe_complete_join(sh, now);
        }
        LeaveGroupResponse {
            members,
            ..LeaveGroupResponse::default()
        }
    }

    /// Gives the id of the member that left; none if it was only an id that had been given out.
    fn leave_one(
        &mut self,
        sh: &mut Shared,
        now: Now,
        leaver: &Leaver,
    ) -> Result<Option<String>, ErrorCode> {
        let instance = leaver.instance.as_ref();
        let id = match (&leaver.member, instance) {
            (Some(id), _) if self.pending.contains_key(id) => {
                if instance.is_some() {
                    return Err(ErrorCode::UnknownServerError);
                }
                self.drop_pending(sh, id);
                return Ok(None);
            }
            (Some(id), _) => {
                self.check_member(id, instance)?;
                id.clone()
            }
            (None, Some(instance)) => {
                let known = self.statics.get(instance);
                known.cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            (None, None) => return Err(ErrorCode::UnknownMemberId),
        };
        self.drop_member(sh, &id);
        let reason = words(leaver.reason.as_ref());
        self.event(
            sh,
            now,
            format!("member {id} left; client reason: {reason}"),
        );
        Ok(Some(id.as_str().to_owned()))
    }

    /// A session may have ended.
    pub(crate) fn session_is_due(&mut self, sh: &mut Shared, now: Now, id: &Str) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        // Who waits for us is not silent, but for a first JoinGroup, whose client may be gone.
        if member.is_parked() && !member.is_new {
            member.session_ends = member
                .session_ends
                .max(now.instant + member.session_timeout);
        }
        let ends = member.session_ends;
        if ends > now.instant {
            sh.arm(&self.id, Kind::Session(id.clone()), ends);
            return;
        }
        self.drop_member(sh, id);
        self.event(sh, now, format!("member {id} timed out"));
        self.rebalance_or_complete(sh, now, &format!("member {id} timed out"));
    }

    /// An id that was given out may have stayed unused for too long.
    pub(crate) fn pending_is_due(&mut self, sh: &mut Shared, now: Now, id: &Str) {
        match self.pending.get(id) {
            None => {}
            Some(pending) if pending.ends > now.instant => {
                sh.arm(&self.id, Kind::Pending(id.clone()), pending.ends);
            }
            Some(_) => {
                self.drop_pending(sh, id);
                self.event(sh, now, format!("member {id} never joined with its id"));
                self.maybe_complete_join(sh, now);
            }
        }
    }
}

/// The answer about one leaver.
pub(crate) fn left(leaver: &Leaver, error: ErrorCode) -> MemberResponse {
    MemberResponse {
        member_id: leaver.member.clone().unwrap_or_default(),
        group_instance_id: leaver.instance.clone(),
        error_code: error.code(),
    }
}
