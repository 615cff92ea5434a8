//! How a partition's leader and ISR follow from who is alive.
//!
//! ```text
//! leader: keep it if it is in the ISR and active
//!         else the first replica, in assignment order, in the ISR and active
//!         else, if the ISR is empty, the first in the ELR and active: ISR becomes [it]
//!         else, if unclean election is enabled, the first active replica: ISR becomes [it]
//!         else none
//! ELR:    empty if the ISR is at least min ISR, else (old ISR ∪ old ELR) without the new ISR
//!         and without those whose data is lost
//! ```
//! Keeps I3 (the leader epoch rises whenever the leader is set) and I5 (no inactive broker leads
//! or is in an ISR: the caller takes it out of the target ISR).

use chronik_types::NodeId;

use crate::record::PartitionRegistration;

/// What decides about one partition besides its state.
pub(crate) struct Election<'a> {
    /// Who may lead and be in sync.
    pub(crate) is_active: &'a dyn Fn(NodeId) -> bool,
    /// `effective_min_isr` of the partition.
    pub(crate) min_isr: usize,
    /// `unclean.leader.election.enable` of the topic.
    pub(crate) unclean: bool,
    /// Whose data is not what it was when they left the ISR.
    pub(crate) lost: &'a [NodeId],
}

impl Election<'_> {
    /// The state with `target_isr`, or `None` if it is the state that is.
    pub(crate) fn change(
        &self,
        before: &PartitionRegistration,
        target_isr: &[NodeId],
    ) -> Option<PartitionRegistration> {
        let mut after = before.clone();
        after.isr = target_isr.to_vec();
        let held = |node: &NodeId| {
            (before.isr.contains(node) || before.elr.contains(node)) && !self.lost.contains(node)
        };
        let in_order = || before.replicas.iter().copied();
        after.leader = before
            .leader
            .filter(|leader| target_isr.contains(leader) && (self.is_active)(*leader))
            .or_else(|| {
                in_order().find(|node| target_isr.contains(node) && (self.is_active)(*node))
            });
        if after.leader.is_none() && target_isr.is_empty() {
            let eligible = in_order().find(|node| held(node) && (self.is_active)(*node));
            let unclean = || {
                self.unclean
                    .then(|| in_order().find(|node| (self.is_active)(*node)))
                    .flatten()
            };
            after.leader = eligible.or_else(unclean);
            after.isr.extend(after.leader);
        }
        after.elr = if after.isr.len() >= self.min_isr {
            Vec::new()
        } else {
            in_order()
                .filter(|node| held(node) && !after.isr.contains(node))
                .collect()
        };
        if after.leader != before.leader {
            after.leader_epoch = before.leader_epoch.next();
        }
        if after == *before {
            return None;
        }
        after.partition_epoch = before.partition_epoch.next();
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use chronik_types::{LeaderEpoch, PartitionEpoch};

    use super::*;

    fn nodes(ids: &[i32]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId::new).collect()
    }

    fn show(state: &PartitionRegistration) -> String {
        let ids = |nodes: &[NodeId]| {
            let ids: Vec<_> = nodes.iter().map(ToString::to_string).collect();
            ids.join(",")
        };
        format!(
            "leader {} isr [{}] elr [{}] epochs {}/{}",
            state
                .leader
                .map_or_else(|| "none".to_owned(), |l| l.to_string()),
            ids(&state.isr),
            ids(&state.elr),
            state.leader_epoch,
            state.partition_epoch
        )
    }

    /// Runs "active ids: target isr" steps on a partition of 1,2,3.
    fn check(min_isr: usize, unclean: bool, steps: &[(&[i32], &[i32])]) -> String {
        let mut state = PartitionRegistration {
            replicas: nodes(&[1, 2, 3]),
            isr: nodes(&[1, 2, 3]),
            elr: vec![],
            leader: Some(NodeId::new(1)),
            leader_epoch: LeaderEpoch::new(0),
            partition_epoch: PartitionEpoch::new(0),
        };
        let mut lines = vec![];
        for (active, target) in steps {
            let active = nodes(active);
            let election = Election {
                is_active: &|node| active.contains(&node),
                min_isr,
                unclean,
                lost: &[],
            };
            if let Some(next) = election.change(&state, &nodes(target)) {
                state = next;
            }
            lines.push(show(&state));
        }
        lines.join("\n")
    }

    #[test]
    fn a_shrinking_isr_keeps_the_leader_and_its_epoch_until_the_leader_leaves() {
        expect_test::expect![[r#"
            leader 1 isr [1,2] elr [] epochs 0/1
            leader 2 isr [2] elr [1] epochs 1/2
            leader none isr [] elr [1,2] epochs 2/3
            leader 1 isr [1] elr [2] epochs 3/4
            leader 1 isr [1,2] elr [] epochs 3/5"#]]
        .assert_eq(&check(
            2,
            false,
            &[
                (&[1, 2], &[1, 2]),
                (&[2], &[2]),
                (&[], &[]),
                (&[1], &[]),
                (&[1, 2], &[1, 2]),
            ],
        ));
    }

    #[test]
    fn a_replica_that_left_the_isr_earlier_is_not_elected_unless_unclean_election_is_on() {
        let steps: &[(&[i32], &[i32])] = &[(&[1], &[1]), (&[], &[]), (&[3], &[])];
        expect_test::expect![[r#"
            leader 1 isr [1] elr [] epochs 0/1
            leader none isr [] elr [1] epochs 1/2
            leader none isr [] elr [1] epochs 1/2"#]]
        .assert_eq(&check(1, false, steps));
        expect_test::expect![[r#"
            leader 1 isr [1] elr [] epochs 0/1
            leader none isr [] elr [1] epochs 1/2
            leader 3 isr [3] elr [] epochs 2/3"#]]
        .assert_eq(&check(1, true, steps));
    }
}
