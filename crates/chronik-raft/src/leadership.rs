//! Who leads the metadata log, as this node knows it.

use crate::types::Member;

/// A term and its leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leadership {
    /// The newest term this node has heard of.
    pub term: u64,
    /// Who leads in it, if that is known.
    pub leader: Option<Member>,
    /// Whether it is this node.
    pub is_local: bool,
}
