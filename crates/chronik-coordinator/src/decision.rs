//! A decision: the records to append, and what follows from the append.

use chronik_protocol::Str;
use chronik_protocol::generated::delete_groups_response::DeletableGroupResult;
use chronik_protocol::generated::{OffsetCommitResponse, OffsetDeleteResponse};
use chronik_types::ErrorCode;

use crate::encoding::Record;
use crate::group::Replacement;
use crate::reply::{Answer, Ticket};
use crate::request::JoinGroup;

/// What the shard decided. The shell appends [`Self::records`] as one batch, if there are any, and
/// hands the decision back to [`crate::GroupShard::finish`] with the outcome, always.
#[must_use = "the shard waits for `finish`"]
#[derive(Debug)]
pub struct Decision {
    /// To append, in order, all or none.
    pub records: Vec<Record>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) step: Step,
    /// A record that its format cannot say: nothing is appended, and the append counts as failed.
    pub(crate) unwritable: bool,
}

/// What follows.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing that depends on the append.
    Nothing,
    /// The group exists now: join it.
    Join(Box<JoinGroup>, Ticket),
    /// A static member takes over an instance.
    Replace(Box<Replacement>),
    /// The leader's assignment is stored: hand it out.
    Sync { group: Str },
    /// Offsets are committed.
    Commit {
        group: Str,
        ticket: Ticket,
        response: OffsetCommitResponse,
    },
    /// Offsets are deleted.
    DeleteOffsets {
        ticket: Ticket,
        response: OffsetDeleteResponse,
    },
    /// Groups are deleted.
    DeleteGroups {
        ticket: Ticket,
        results: Vec<DeletableGroupResult>,
    },
    /// Offsets of a group have outlived their retention.
    Expire { group: Str },
    /// Offsets of deleted topics are gone.
    Expunge,
}

/// Why an append failed, as far as clients are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendFailed {
    /// The offsets topic is not there.
    UnknownTopicOrPartition,
    /// Fewer in-sync replicas than `min.insync.replicas`.
    NotEnoughReplicas,
    /// It was not replicated in time.
    TimedOut,
    /// This node does not lead the partition.
    NotLeader,
    /// The disk failed, or is full.
    Storage,
    /// The batch is larger than the partition takes.
    TooLarge,
    /// Anything else.
    Other,
}

impl AppendFailed {
    /// What members and administrators are told.
    pub const fn group_error(self) -> ErrorCode {
        match self {
            Self::UnknownTopicOrPartition | Self::NotEnoughReplicas | Self::TimedOut => {
                ErrorCode::CoordinatorNotAvailable
            }
            Self::NotLeader | Self::Storage => ErrorCode::NotCoordinator,
            Self::TooLarge | Self::Other => ErrorCode::UnknownServerError,
        }
    }

    /// What those who commit are told.
    pub const fn commit_error(self) -> ErrorCode {
        match self {
            Self::TooLarge => ErrorCode::InvalidCommitOffsetSize,
            Self::UnknownTopicOrPartition
            | Self::NotEnoughReplicas
            | Self::TimedOut
            | Self::NotLeader
            | Self::Storage
            | Self::Other => self.group_error(),
        }
    }
}
