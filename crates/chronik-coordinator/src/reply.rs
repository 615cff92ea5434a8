//! What the shard says: answers to tickets, and from when on the shell may send them.

use chronik_protocol::generated::delete_groups_response::DeletableGroupResult;
use chronik_protocol::generated::describe_groups_response::DescribedGroup;
use chronik_protocol::generated::list_groups_response::ListedGroup;
use chronik_protocol::generated::offset_fetch_response::OffsetFetchResponseGroup;
use chronik_protocol::generated::{
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, OffsetCommitResponse,
    OffsetDeleteResponse, SyncGroupResponse,
};

/// A request that waits for its answer. The shell chooses numbers that do not repeat.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// The answer of each kind of request, as the newest version says it. What older versions say
/// otherwise is the shell's: a null protocol name as an empty one (JoinGroup before v7), the only
/// member's error as the error of the whole (LeaveGroup before v3), a group that is not found as
/// `Dead` without an error (DescribeGroups before v6), topic ids instead of names.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// To JoinGroup.
    JoinGroup(JoinGroupResponse),
    /// To SyncGroup.
    SyncGroup(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    LeaveGroup(LeaveGroupResponse),
    /// To OffsetCommit; names and topic ids as in the request.
    OffsetCommit(OffsetCommitResponse),
    /// To OffsetFetch of one group; names always, topic ids where known.
    OffsetFetch(OffsetFetchResponseGroup),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// To DescribeGroups, for the groups of this shard.
    DescribeGroups(Vec<DescribedGroup>),
    /// To ListGroups, this shard's.
    ListGroups(Vec<ListedGroup>),
    /// To DeleteGroups, for the groups of this shard.
    DeleteGroups(Vec<DeletableGroupResult>),
}

/// From when on an answer may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// At once.
    Now,
    /// Once everything that was appended to the log so far is committed: the answer tells of it.
    AfterAppended,
}

/// An answer to a request. A ticket is answered exactly once, unless it was cancelled.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// Whom.
    pub ticket: Ticket,
    /// What.
    pub reply: Reply,
    /// When.
    pub after: After,
}

/// What a call wants done.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Effects {
    /// In the order in which they may be sent.
    pub answers: Vec<Answer>,
}
