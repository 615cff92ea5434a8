//! The metadata log: openraft behind one small interface.
//!
//! [`RaftNode`] keeps the log on disk, elects, replicates and folds committed entries into the
//! [`chronik_controller::MetadataImage`] that everybody reads. Keeps I4 (images are prefixes of one
//! history, and nothing uncommitted is ever in one) and carries I15 (the fence is in the fold).
//! No type of openraft's is in the interface.
//! Absent: decisions, sockets (a [`Transport`] is handed in), and who may join.

mod error;
mod feed;
mod leadership;
mod log;
mod network;
mod node;
mod options;
mod rpc;
mod snapshots;
mod state_machine;
#[cfg(test)]
mod testing;
mod transport;
mod types;
mod wire;

pub use error::{ProposeError, RaftStartError, ReadBarrierError, RpcError};
pub use feed::{MetadataFeed, MetadataUpdate};
pub use leadership::Leadership;
pub use node::{Applied, MemberProgress, QuorumState, RaftNode};
pub use options::{RaftOptions, RaftTiming};
pub use rpc::RpcKind;
pub use transport::{NoTransport, RpcClass, Transport, TransportError, TransportFuture};
pub use types::{Address, Member};
