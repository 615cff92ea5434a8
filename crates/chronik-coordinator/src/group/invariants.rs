//! What is true of a group between any two calls.

use super::{Group, GroupState};
use crate::shared::Shared;

impl Group {
    /// Panics if an invariant of the group does not hold. Gives what its members hold, in bytes.
    pub(crate) fn check_invariants(&self, sh: &Shared) -> usize {
        let id = &self.id;
        let joining = self.members.values().filter(|m| m.join.is_some()).count();
        assert_eq!(joining, self.joining, "{id}: the count of those who join");
        for (name, member) in &self.members {
            assert_eq!(*name, member.id, "{id}: a member is found under its id");
            assert_eq!(member.charged, member.weight(), "{id}: {name} is charged");
            assert!(!self.pending.contains_key(name), "{id}: {name} is pending");
            if let Some(instance) = &member.instance {
                assert_eq!(self.statics.get(instance), Some(name), "{id}: {instance}");
            }
            for ticket in [member.join, member.sync].into_iter().flatten() {
                if let Some(ticket) = ticket.ticket {
                    let place = (id.clone(), name.clone());
                    assert_eq!(sh.parked.get(&ticket), Some(&place), "{id}: {ticket:?}");
                }
            }
        }
        assert!(self.statics.values().all(|m| self.members.contains_key(m)));
        assert!(self.unsynced.iter().all(|m| self.members.contains_key(m)));
        for (name, count) in &self.supported {
            let of =
                |m: &crate::member::Member| m.protocols.iter().filter(|p| p.name == *name).count();
            let counted: usize = self.members.values().map(of).sum();
            assert_eq!(counted, *count, "{id}: support of {name}");
        }
        let leads = self.leader.as_ref().map(|l| self.members.contains_key(l));
        assert!(leads.unwrap_or(true), "{id}: the leader is a member");
        self.check_state();
        let charged = self.members.values().map(|m| m.charged).sum::<usize>();
        charged + self.pending.values().map(|p| p.charged).sum::<usize>()
    }

    fn check_state(&self) {
        let id = &self.id;
        assert!(self.generation >= 0 || self.stored, "{id}: the generation");
        let prepares = self.state == GroupState::PreparingRebalance;
        assert_eq!(
            prepares,
            self.join_phase.is_some(),
            "{id}: the joining phase"
        );
        assert!(prepares || self.joining == 0, "{id}: who joins is answered");
        let completes = self.state == GroupState::CompletingRebalance;
        let syncing = self.members.values().any(|m| m.sync.is_some());
        assert!(completes || !syncing, "{id}: who syncs is answered");
        match self.state {
            GroupState::Empty => {
                assert!(
                    self.expiry_at.is_some(),
                    "{id}: it is looked at until it is gone"
                );
                assert!(
                    self.members.is_empty(),
                    "{id}: an empty group has no members"
                );
                assert!(
                    self.leader.is_none() && self.protocol.is_none(),
                    "{id}: empty"
                );
            }
            GroupState::PreparingRebalance => {}
            GroupState::CompletingRebalance | GroupState::Stable => {
                assert!(
                    !self.members.is_empty(),
                    "{id}: somebody is in the generation"
                );
            }
        }
    }
}
