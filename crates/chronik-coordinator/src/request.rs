//! What the shard is asked: the wire's requests without its sentinels and versions.
//!
//! `-1` and `""` end here. A version matters only as what it changed, and that is a field.

use std::time::Duration;

use bytes::Bytes;
use chronik_protocol::Str;
use chronik_protocol::generated::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    OffsetDeleteRequest, SyncGroupRequest,
};
use chronik_types::{LeaderEpoch, Offset, PartitionId, TopicId, Uuid};

/// A request to the groups of one shard. One that names several groups comes once per shard, with
/// the groups that hash there.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Join a group.
    JoinGroup(JoinGroup),
    /// Fetch, or as leader hand in, the assignment.
    SyncGroup(SyncGroup),
    /// Keep a member's session.
    Heartbeat(Heartbeat),
    /// Remove members.
    LeaveGroup(LeaveGroup),
    /// Commit offsets.
    OffsetCommit(OffsetCommit),
    /// Fetch a group's offsets.
    OffsetFetch(OffsetFetch),
    /// Delete some offsets of a group.
    OffsetDelete(OffsetDelete),
    /// Describe groups by id.
    DescribeGroups(Vec<Str>),
    /// List groups.
    ListGroups(ListGroups),
    /// Delete groups by id.
    DeleteGroups(Vec<Str>),
}

/// The most protocols of a member; clients have a few. Choosing one looks at those of all members.
pub(crate) const PROTOCOLS_MAX: usize = 1_000;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Client {
    /// The client id of the request's header; empty if there is none.
    pub id: Str,
    /// The address, as Kafka writes it: `/127.0.0.1`.
    pub host: Str,
}

/// A protocol that a member supports, such as an assignor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Protocol {
    /// Its name.
    pub name: Str,
    /// Opaque; of a consumer its subscription.
    pub metadata: Bytes,
}

/// JoinGroup v0-9.
#[derive(Clone, PartialEq, Debug)]
pub struct JoinGroup {
    /// The group.
    pub group: Str,
    /// The member; none of one that has no id yet.
    pub member: Option<Str>,
    /// The instance of a static member.
    pub instance: Option<Str>,
    /// Who asks.
    pub client: Client,
    /// How long the member lives without a heartbeat.
    pub session_timeout: Duration,
    /// How long a rebalance waits for the member; v0 has only the session timeout.
    pub rebalance_timeout: Duration,
    /// What the group is about: `consumer`, `connect`, ...
    pub protocol_type: Str,
    /// What the member supports, the best first.
    pub protocols: Vec<Protocol>,
    /// Why it joins (v8).
    pub reason: Option<Str>,
    /// Whether a dynamic member without id gets one first and joins with it then (v4, KIP-394).
    pub requires_known_member_id: bool,
    /// Whether a leader can be told not to assign (v9).
    pub skip_assignment_allowed: bool,
    /// Makes the id of a new member unique; random.
    pub new_member: Uuid,
}

/// SyncGroup v0-5.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncGroup {
    /// The group.
    pub group: Str,
    /// The generation that the member was told.
    pub generation: i32,
    /// The member.
    pub member: Str,
    /// The instance of a static member.
    pub instance: Option<Str>,
    /// The protocol type that the member believes in (v5).
    pub protocol_type: Option<Str>,
    /// The protocol that the member believes in (v5).
    pub protocol: Option<Str>,
    /// Assignments by member id; of the leader.
    pub assignments: Vec<(Str, Bytes)>,
}

/// Heartbeat v0-4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// The group.
    pub group: Str,
    /// The generation that the member was told.
    pub generation: i32,
    /// The member.
    pub member: Str,
    /// The instance of a static member.
    pub instance: Option<Str>,
}

/// LeaveGroup v0-5.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaveGroup {
    /// The group.
    pub group: Str,
    /// Who leaves, or is made to.
    pub members: Vec<Leaver>,
}

/// One that leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaver {
    /// Its id; none where an instance is removed whatever its id.
    pub member: Option<Str>,
    /// The instance of a static member.
    pub instance: Option<Str>,
    /// Why (v5).
    pub reason: Option<Str>,
}

/// OffsetCommit v2-10.
#[derive(Clone, PartialEq, Debug)]
pub struct OffsetCommit {
    /// The group.
    pub group: Str,
    /// The generation of the member; none of one that is in no group.
    pub generation: Option<i32>,
    /// The member.
    pub member: Option<Str>,
    /// The instance of a static member.
    pub instance: Option<Str>,
    /// How long to keep the offsets (v2-4); otherwise as the broker does.
    pub retention: Option<Duration>,
    /// Whether a generation of a group that does not exist is GROUP_ID_NOT_FOUND (v9), and not
    /// ILLEGAL_GENERATION.
    pub tells_group_not_found: bool,
    /// What to commit.
    pub topics: Vec<CommitTopic>,
}

/// A topic's part of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitTopic {
    /// Its name; the shell resolves an id.
    pub name: Str,
    /// Its id. The request has it from v10 on; the shell fills it in for older ones, as Kafka does.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<CommitPartition>,
}

/// A partition's part of a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitPartition {
    /// Which.
    pub partition: PartitionId,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record that was read.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whatever the client keeps with it.
    pub metadata: Str,
}

/// OffsetFetch of one group, v1-10.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetFetch {
    /// The group.
    pub group: Str,
    /// Which; none for all.
    pub topics: Option<Vec<FetchTopic>>,
    /// Whether offsets of an open transaction are refused (v7). There are no transactions here.
    pub require_stable: bool,
}

/// A topic's part of a fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchTopic {
    /// Its name; the shell resolves an id.
    pub name: Str,
    /// Its id, if known: an offset committed for another topic of the name is not shown.
    pub topic_id: Option<TopicId>,
    /// Its partitions.
    pub partitions: Vec<PartitionId>,
}

/// OffsetDelete v0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetDelete {
    /// The group.
    pub group: Str,
    /// What to delete.
    pub topics: Vec<DeleteTopic>,
}

/// A topic's part of a deletion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteTopic {
    /// Its name.
    pub name: Str,
    /// Its partitions.
    pub partitions: Vec<PartitionId>,
}

/// ListGroups v0-5. An empty filter lets all through; case does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListGroups {
    /// Names of states.
    pub states: Vec<Str>,
    /// Names of types.
    pub types: Vec<Str>,
}

impl JoinGroup {
    /// From the wire. `new_member` is random.
    pub fn from_wire(
        request: JoinGroupRequest,
        version: i16,
        client: Client,
        new_member: Uuid,
    ) -> Self {
        let session_timeout = millis(request.session_timeout_ms);
        let protocols = request.protocols.into_iter();
        Self {
            group: request.group_id,
            member: not_empty(request.member_id),
            requires_known_member_id: version >= 4 && request.group_instance_id.is_none(),
            instance: request.group_instance_id,
            client,
            session_timeout,
            rebalance_timeout: match request.rebalance_timeout_ms {
                ..0 => session_timeout,
                timeout => millis(timeout),
            },
            protocol_type: request.protocol_type,
            protocols: protocols
                .map(|protocol| Protocol {
                    name: protocol.name,
                    metadata: protocol.metadata,
                })
                .collect(),
            reason: request.reason,
            skip_assignment_allowed: version >= 9,
            new_member,
        }
    }
}

impl SyncGroup {
    /// From the wire.
    pub fn from_wire(request: SyncGroupRequest) -> Self {
        let assignments = request.assignments.into_iter();
        Self {
            group: request.group_id,
            generation: request.generation_id,
            member: request.member_id,
            instance: request.group_instance_id,
            protocol_type: request.protocol_type,
            protocol: request.protocol_name,
            assignments: assignments
                .map(|part| (part.member_id, part.assignment))
                .collect(),
        }
    }
}

impl Heartbeat {
    /// From the wire.
    pub fn from_wire(request: HeartbeatRequest) -> Self {
        Self {
            group: request.group_id,
            generation: request.generation_id,
            member: request.member_id,
            instance: request.group_instance_id,
        }
    }
}

impl LeaveGroup {
    /// From the wire.
    pub fn from_wire(request: LeaveGroupRequest, version: i16) -> Self {
        let members = if version < 3 {
            vec![Leaver {
                member: not_empty(request.member_id),
                instance: None,
                reason: None,
            }]
        } else {
            let members = request.members.into_iter();
            members
                .map(|member| Leaver {
                    member: not_empty(member.member_id),
                    instance: member.group_instance_id,
                    reason: member.reason,
                })
                .collect()
        };
        Self {
            group: request.group_id,
            members,
        }
    }
}

impl OffsetCommit {
    /// From the wire, with the names of topics filled in, and their ids where they are known.
    pub fn from_wire(request: OffsetCommitRequest, version: i16) -> Self {
        let topics = request.topics.into_iter().map(|topic| CommitTopic {
            name: topic.name,
            topic_id: topic_id(topic.topic_id),
            partitions: topic
                .partitions
                .into_iter()
                .map(|part| CommitPartition {
                    partition: PartitionId::new(part.partition_index),
                    offset: Offset::new(part.committed_offset),
                    leader_epoch: leader_epoch(part.committed_leader_epoch),
                    metadata: part.committed_metadata.unwrap_or_default(),
                })
                .collect(),
        });
        Self {
            group: request.group_id,
            generation: Some(request.generation_id_or_member_epoch).filter(|id| *id >= 0),
            member: not_empty(request.member_id),
            instance: request.group_instance_id,
            retention: u64::try_from(request.retention_time_ms)
                .ok()
                .map(Duration::from_millis),
            tells_group_not_found: version >= 9,
            topics: topics.collect(),
        }
    }
}

impl OffsetDelete {
    /// From the wire.
    pub fn from_wire(request: OffsetDeleteRequest) -> Self {
        let topics = request.topics.into_iter().map(|topic| DeleteTopic {
            name: topic.name,
            partitions: topic
                .partitions
                .iter()
                .map(|part| PartitionId::new(part.partition_index))
                .collect(),
        });
        Self {
            group: request.group_id,
            topics: topics.collect(),
        }
    }
}

/// A timeout of the wire; below zero is none at all.
pub(crate) fn millis(timeout_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
}

pub(crate) fn leader_epoch(epoch: i32) -> Option<LeaderEpoch> {
    (epoch >= 0).then_some(LeaderEpoch::new(epoch))
}

pub(crate) fn topic_id(id: Uuid) -> Option<TopicId> {
    (!id.is_zero()).then_some(TopicId::new(id))
}

pub(crate) fn not_empty(text: Str) -> Option<Str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
