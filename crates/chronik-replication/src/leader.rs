//! The leader's side of one partition.
//!
//! ```text
//! metadata: you lead epoch e ──► Leader::new(e, isr, durable end)
//! append ──► check_append ──► Ok | refused (epoch, too few in sync)
//! journal window durable ──► on_local_durable ──┐
//! follower reports position ─► on_follower ─────┴─► high watermark = min over the ISR
//! ```
//!
//! Keeps I2, I3 and I6. Absent: the log, the network, the clock; ISR changes, which are the
//! controller's decisions and arrive as a new state.

use std::collections::BTreeMap;

use chronik_types::{LeaderEpoch, NodeId, Offset};

/// How many in-sync replicas a produce with acks=all needs, at least 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MinIsr(pub usize);

/// What a producer waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// Nothing; there is no reply.
    None,
    /// The leader's own log, durable as its class says.
    Leader,
    /// Every in-sync replica.
    All,
}

impl Acks {
    /// From the wire: 0, 1 or -1; anything else is refused with INVALID_REQUIRED_ACKS.
    pub const fn from_wire(acks: i16) -> Option<Self> {
        match acks {
            0 => Some(Self::None),
            1 => Some(Self::Leader),
            -1 => Some(Self::All),
            _ => None,
        }
    }
}

/// A request that names another leader epoch than ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EpochRefused {
    /// Older than ours: the client must refresh its metadata.
    Fenced,
    /// Newer than ours: this node is behind.
    Unknown,
}

/// Why nothing was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendRefused {
    /// Fewer in-sync replicas than `min.insync.replicas` asks for.
    NotEnoughReplicas {
        /// In sync now.
        in_sync: usize,
        /// Asked for.
        required: MinIsr,
    },
}

/// The leader of one partition in one epoch.
#[derive(Clone, Debug)]
pub struct Leader {
    node: NodeId,
    epoch: LeaderEpoch,
    /// Exclusive. Never decreases.
    high_watermark: Offset,
    /// Exclusive: what is on this node's stable storage (or, in `quorum-memory`, in its log).
    local_durable: Offset,
    /// The in-sync followers' positions; ourselves we know.
    followers: BTreeMap<NodeId, Offset>,
}

impl Leader {
    /// Takes over at `epoch` with what is durable here. With no other in-sync replica everything
    /// durable is committed at once; otherwise the high watermark starts at `known` (a position
    /// that was committed before) and waits for the followers.
    pub fn new(
        node: NodeId,
        epoch: LeaderEpoch,
        isr: &[NodeId],
        known: Offset,
        local_durable: Offset,
    ) -> Self {
        let followers = isr
            .iter()
            .filter(|id| **id != node)
            .map(|id| (*id, Offset::ZERO))
            .collect();
        let mut leader = Self {
            node,
            epoch,
            high_watermark: known.min(local_durable),
            local_durable,
            followers,
        };
        leader.advance();
        leader.check_invariants();
        leader
    }

    /// The node that leads: this one.
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// The epoch led.
    pub const fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Exclusive end of what is committed.
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Exclusive end of what is durable on this node.
    pub const fn local_durable(&self) -> Offset {
        self.local_durable
    }

    /// Checks a client's idea of the epoch; a client without one skips the check.
    pub fn check_epoch(&self, current: Option<LeaderEpoch>) -> Result<(), EpochRefused> {
        match current {
            Some(epoch) if epoch < self.epoch => Err(EpochRefused::Fenced),
            Some(epoch) if epoch > self.epoch => Err(EpochRefused::Unknown),
            _ => Ok(()),
        }
    }

    /// Whether an append may happen now.
    pub fn check_append(&self, acks: Acks, required: MinIsr) -> Result<(), AppendRefused> {
        let in_sync = self.followers.len() + 1;
        if acks == Acks::All && in_sync < required.0 {
            return Err(AppendRefused::NotEnoughReplicas { in_sync, required });
        }
        Ok(())
    }

    /// Everything below `end` is durable here. Returns the high watermark if it moved.
    pub fn on_local_durable(&mut self, end: Offset) -> Option<Offset> {
        self.local_durable = self.local_durable.max(end);
        self.advance()
    }

    /// An in-sync follower holds everything below `end`. Returns the high watermark if it moved.
    pub fn on_follower(&mut self, node: NodeId, end: Offset) -> Option<Offset> {
        if let Some(position) = self.followers.get_mut(&node) {
            *position = (*position).max(end);
        }
        self.advance()
    }

    fn advance(&mut self) -> Option<Offset> {
        let committed = self
            .followers
            .values()
            .copied()
            .fold(self.local_durable, Offset::min);
        if committed <= self.high_watermark {
            return None;
        }
        self.high_watermark = committed;
        self.check_invariants();
        Some(committed)
    }

    fn check_invariants(&self) {
        assert!(
            self.high_watermark <= self.local_durable,
            "I2: {} is committed beyond what its leader {} holds ({})",
            self.high_watermark,
            self.node,
            self.local_durable
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId::new(1);
    const OTHER: NodeId = NodeId::new(2);

    fn at(offset: i64) -> Offset {
        Offset::new(offset)
    }

    #[test]
    fn alone_everything_durable_is_committed() {
        let mut leader = Leader::new(ME, LeaderEpoch::new(3), &[ME], at(0), at(7));
        assert_eq!(leader.high_watermark(), at(7));
        assert_eq!(leader.on_local_durable(at(9)), Some(at(9)));
        assert_eq!(leader.on_local_durable(at(8)), None);
        assert_eq!(leader.high_watermark(), at(9));
    }

    #[test]
    fn the_high_watermark_waits_for_the_slowest_in_sync_replica() {
        let mut leader = Leader::new(ME, LeaderEpoch::new(3), &[ME, OTHER], at(2), at(7));
        assert_eq!(leader.high_watermark(), at(2));
        assert_eq!(leader.on_local_durable(at(10)), None);
        assert_eq!(leader.on_follower(OTHER, at(8)), Some(at(8)));
        assert_eq!(leader.on_follower(OTHER, at(12)), Some(at(10)));
        assert_eq!(leader.on_follower(NodeId::new(9), at(99)), None);
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_is_unknown() {
        let leader = Leader::new(ME, LeaderEpoch::new(3), &[ME], at(0), at(0));
        assert_eq!(leader.check_epoch(None), Ok(()));
        assert_eq!(leader.check_epoch(Some(LeaderEpoch::new(3))), Ok(()));
        assert_eq!(
            leader.check_epoch(Some(LeaderEpoch::new(2))),
            Err(EpochRefused::Fenced)
        );
        assert_eq!(
            leader.check_epoch(Some(LeaderEpoch::new(4))),
            Err(EpochRefused::Unknown)
        );
    }

    #[test]
    fn acks_all_needs_the_required_replicas_and_acks_one_does_not() {
        let leader = Leader::new(ME, LeaderEpoch::new(0), &[ME], at(0), at(0));
        let refused = AppendRefused::NotEnoughReplicas {
            in_sync: 1,
            required: MinIsr(2),
        };
        assert_eq!(leader.check_append(Acks::All, MinIsr(2)), Err(refused));
        assert_eq!(leader.check_append(Acks::Leader, MinIsr(2)), Ok(()));
        assert_eq!(leader.check_append(Acks::All, MinIsr(1)), Ok(()));
        assert_eq!(Acks::from_wire(2), None);
    }
}
