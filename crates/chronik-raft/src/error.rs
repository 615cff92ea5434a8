//! What can fail, with its facts.

use std::fmt;
use std::io;
use std::path::PathBuf;

use chronik_controller::EntryTooLarge;
use chronik_controller::codec::DecodeError;

use crate::types::Member;

/// Why a node cannot start from its directory.
#[derive(Debug)]
pub enum RaftStartError {
    /// The directory cannot be read or written.
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Bytes before the end of the log are not what was written.
    Damaged {
        /// Where.
        path: PathBuf,
        /// At which byte.
        offset: u64,
        /// What is wrong.
        why: String,
    },
    /// Something newer, or something that cannot be, is in the log or a snapshot.
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What.
        error: DecodeError,
    },
    /// openraft refused what it found.
    Refused(String),
}

impl fmt::Display for RaftStartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, error } => {
                write!(f, "cannot {doing} {}: {error}", path.display())
            }
            Self::Damaged { path, offset, why } => write!(
                f,
                "the metadata log is damaged: {} at byte {offset}: {why}",
                path.display()
            ),
            Self::Unreadable { path, error } => {
                write!(f, "cannot read {}: {error}", path.display())
            }
            Self::Refused(why) => write!(f, "the metadata log cannot be used: {why}"),
        }
    }
}

impl std::error::Error for RaftStartError {}

/// Why a proposal has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposeError {
    /// It was applied as a no-op: another decision came between (I15).
    Conflict,
    /// This node does not lead in that term any more. The outcome is unknown.
    NotLeader {
        /// Who does, if that is known.
        leader: Option<Member>,
    },
    /// It is larger than an entry may be.
    TooLarge(EntryTooLarge),
    /// A step does not finish. The outcome is unknown.
    Stalled {
        /// `persist`, `commit`, `apply` or `answer`.
        step: &'static str,
    },
    /// The node is stopping.
    Stopped,
}

impl fmt::Display for ProposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("another decision came between"),
            Self::NotLeader {
                leader: Some(leader),
            } => write!(f, "not the leader: {leader} is"),
            Self::NotLeader { leader: None } => f.write_str("not the leader"),
            Self::TooLarge(error) => error.fmt(f),
            Self::Stalled { step } => write!(f, "the step {step} does not finish"),
            Self::Stopped => f.write_str("the node is stopping"),
        }
    }
}

impl std::error::Error for ProposeError {}

/// Why a read barrier was not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBarrierError {
    /// This node does not lead, or cannot prove it.
    NotLeader,
    /// The node is stopping.
    Stopped,
}

impl fmt::Display for ReadBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLeader => "not the leader, or no quorum says so",
            Self::Stopped => "the node is stopping",
        })
    }
}

impl std::error::Error for ReadBarrierError {}

/// Why a message was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RpcError {
    /// It is for another cluster, node or directory.
    Misdirected(String),
    /// Its bytes make no sense.
    Malformed(DecodeError),
    /// The node is stopping.
    Stopped,
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misdirected(why) => write!(f, "not for this node: {why}"),
            Self::Malformed(error) => write!(f, "malformed: {error}"),
            Self::Stopped => f.write_str("the node is stopping"),
        }
    }
}

impl std::error::Error for RpcError {}
