//! The types openraft works with.
//!
//! A member is a node *and* its data directory: a wiped disk is another member, which can neither
//! vote for nor be counted as the one it replaces. `LeaderId` is the standard one (one leader per
//! term). The runtime is tokio with random numbers seeded per node, the same type in the real
//! world (seeded from entropy) and in simulation (seeded from the run's seed).

use std::fmt;
use std::sync::Arc;

use chronik_controller::{MetadataEntry, MetadataImage};
use chronik_types::{DirectoryId, NodeId};
use openraft::impls::leader_id_std::LeaderId;
use openraft::rt::deterministic_rng::DeterministicRng;

/// A member of the metadata quorum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The node.
    pub node_id: NodeId,
    /// Its data directory.
    pub directory_id: DirectoryId,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.node_id, self.directory_id)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a member was when it joined: a hint for the first contact, the image knows better.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Address(pub String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What applying an entry answers to its proposer.
#[derive(Clone, Debug)]
pub(crate) struct ApplyResult {
    /// The image right after the entry.
    pub(crate) image: Arc<MetadataImage>,
    /// Whether the entry was decided on another state and changed nothing.
    pub(crate) conflict: bool,
}

pub(crate) type Runtime = DeterministicRng<openraft::impls::TokioRuntime>;

openraft::declare_raft_types!(
    pub(crate) TypeConfig:
        D = Arc<MetadataEntry>,
        R = ApplyResult,
        NodeId = Member,
        Node = Address,
        Term = u64,
        LeaderId = LeaderId<Self::Term, Self::NodeId>,
        AsyncRuntime = Runtime,
);

pub(crate) type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
pub(crate) type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
pub(crate) type Entry = openraft::type_config::alias::EntryOf<TypeConfig>;
pub(crate) type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;

/// openraft's test suites name members by numbers.
#[cfg(test)]
impl From<u64> for Member {
    fn from(id: u64) -> Self {
        Self {
            node_id: NodeId::new(i32::try_from(id).expect("small")),
            directory_id: DirectoryId::new(chronik_types::Uuid::ZERO),
        }
    }
}
