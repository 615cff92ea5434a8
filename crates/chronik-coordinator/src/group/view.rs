//! What others may know of a group, and whether they may commit to it or delete it.

use chronik_protocol::generated::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use chronik_protocol::generated::list_groups_response::ListedGroup;
use chronik_types::ErrorCode;

use super::{GROUP_TYPE, Group, GroupEvent, GroupState};
use crate::Now;
use crate::request::OffsetCommit;
use crate::shard::{GroupView, MemberView};
use crate::shared::Shared;

impl Group {
    /// Metadata and assignments are shown of a stable group only.
    pub(crate) fn describe(&self) -> DescribedGroup {
        let protocol = self.protocol.clone().unwrap_or_default();
        let is_stable = self.state == GroupState::Stable;
        let members = self.members.values().map(|member| {
            let mut described = DescribedGroupMember {
                member_id: member.id.clone(),
                group_instance_id: member.instance.clone(),
                client_id: member.client.id.clone(),
                client_host: member.client.host.clone(),
                ..DescribedGroupMember::default()
            };
            if is_stable {
                described.member_metadata = member.metadata(&protocol);
                described.member_assignment = member.assignment.clone();
            }
            described
        });
        DescribedGroup {
            group_id: self.id.clone(),
            group_state: self.state.as_str().into(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: members.collect(),
            protocol_data: if is_stable {
                protocol
            } else {
                Default::default()
            },
            ..DescribedGroup::default()
        }
    }

    pub(crate) fn list(&self) -> ListedGroup {
        ListedGroup {
            group_id: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            group_state: self.state.as_str().into(),
            group_type: GROUP_TYPE.into(),
        }
    }

    pub(crate) fn view(&self) -> GroupView {
        let members = self.members.values().map(|member| MemberView {
            id: member.id.clone(),
            instance: member.instance.clone(),
            client: member.client.clone(),
            assignment: member.assignment.clone(),
        });
        let offsets = self.offsets.iter().map(|(topic, partition, committed)| {
            let topic = topic.to_owned();
            (topic, partition, committed)
        });
        GroupView {
            id: self.id.clone(),
            state: self.state,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: members.collect(),
            pending_members: self.pending.len(),
            offsets: offsets.collect(),
            events: self.events.iter().cloned().collect(),
        }
    }

    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &GroupEvent> {
        self.events.iter()
    }

    /// Whether the commit is of a member of the generation, or of somebody outside where there
    /// are no members. A commit keeps the member's session.
    pub(crate) fn check_commit(
        &mut self,
        sh: &mut Shared,
        now: Now,
        commit: &OffsetCommit,
    ) -> Result<(), ErrorCode> {
        if commit.generation.is_none() && self.state == GroupState::Empty {
            return Ok(());
        }
        // Somebody outside is no member.
        let member = commit.member.as_deref().unwrap_or_default();
        self.check_member(member, commit.instance.as_ref())?;
        self.check_generation(commit.generation.unwrap_or(-1))?;
        match self.state {
            GroupState::CompletingRebalance => Err(ErrorCode::RebalanceInProgress),
            GroupState::Empty | GroupState::PreparingRebalance | GroupState::Stable => {
                self.heard_of(sh, now, member);
                Ok(())
            }
        }
    }

    /// Whether single offsets may be deleted: of consumers also while they run.
    pub(crate) fn check_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            GroupState::Empty => Ok(()),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {
                if self.is_of_consumers() {
                    Ok(())
                } else {
                    Err(ErrorCode::NonEmptyGroup)
                }
            }
        }
    }
}
