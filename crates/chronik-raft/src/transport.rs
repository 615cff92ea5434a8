//! How Raft's messages travel: handed in by the server, or by a simulation.
//!
//! Absent: what the bytes mean. They name both ends and the cluster themselves, and the receiving
//! side refuses what is not for it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::rpc::RpcKind;
use crate::types::{Address, Member};

/// An answer on its way.
pub type TransportFuture = Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>>;

/// What must not wait for each other: one connection per peer and class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RpcClass {
    /// Votes, heartbeats and read barriers.
    Heartbeat,
    /// Entries.
    Append,
    /// Snapshots.
    Snapshot,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// Nobody is there; trying again at once is of no use.
    Unreachable(String),
    /// The connection failed with the message on its way.
    Interrupted(String),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            Self::Interrupted(why) => write!(f, "interrupted: {why}"),
        }
    }
}

impl std::error::Error for TransportError {}

/// Carries messages to members.
///
/// Messages of one class to one member are handed to [`crate::RaftNode::handle_rpc`] over there in
/// the order of the calls, each being polled before the next, and answered as they finish: appends
/// are pipelined. No timeout is needed here; the caller drops the future.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends a message; the future is ready with its answer.
    fn call(
        &self,
        to: &Member,
        address: &Address,
        class: RpcClass,
        kind: RpcKind,
        message: Bytes,
    ) -> TransportFuture;
}

/// For a node without peers.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransport;

impl Transport for NoTransport {
    fn call(
        &self,
        to: &Member,
        _address: &Address,
        _class: RpcClass,
        _kind: RpcKind,
        _message: Bytes,
    ) -> TransportFuture {
        let why = format!("this node has no way to {to}");
        Box::pin(std::future::ready(Err(TransportError::Unreachable(why))))
    }
}
