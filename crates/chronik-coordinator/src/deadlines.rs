//! Deadlines in the order of time: an idle group costs nothing until its own is reached.
//!
//! A deadline here says when to look, not what to do: what is true stands at the group or the
//! member. A session that a heartbeat has prolonged is therefore not moved here; it is looked at
//! when it first would have ended, and put back.

use std::collections::{BTreeMap, BTreeSet};

use chronik_protocol::Str;
use chronik_types::Instant;

/// What to look at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// The end of the joining phase.
    Join,
    /// The time by which all members must have synced.
    Sync,
    /// The session of a member.
    Session(Str),
    /// The time by which a member must have joined with the id that it was given.
    Pending(Str),
    /// Retention of offsets, and removal of the group.
    Expiry,
}

/// A deadline of a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Timer {
    pub(crate) group: Str,
    pub(crate) kind: Kind,
}

/// At most one deadline for each timer.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Instant, Timer)>,
    by_timer: BTreeMap<Timer, Instant>,
}

impl Deadlines {
    /// Looks at `at`, or earlier if that was asked for before.
    pub(crate) fn arm(&mut self, timer: Timer, at: Instant) {
        match self.by_timer.get(&timer) {
            Some(armed) if *armed <= at => return,
            Some(_) => self.cancel(&timer),
            None => {}
        }
        self.by_timer.insert(timer.clone(), at);
        self.by_time.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.by_timer.remove_entry(timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Takes a timer that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_timer.remove(&timer);
        Some(timer)
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_armed_once_and_for_its_earliest_time() {
        let timer = |name: &str| Timer {
            group: name.into(),
            kind: Kind::Expiry,
        };
        let mut deadlines = Deadlines::default();
        deadlines.arm(timer("a"), Instant::from_nanos(5));
        deadlines.arm(timer("a"), Instant::from_nanos(9));
        deadlines.arm(timer("b"), Instant::from_nanos(7));
        deadlines.arm(timer("b"), Instant::from_nanos(3));
        assert_eq!(deadlines.next(), Some(Instant::from_nanos(3)));
        assert_eq!(deadlines.pop(Instant::from_nanos(4)), Some(timer("b")));
        assert_eq!(deadlines.pop(Instant::from_nanos(4)), None);
        assert_eq!(deadlines.pop(Instant::from_nanos(9)), Some(timer("a")));
        assert_eq!(deadlines.pop(Instant::from_nanos(9)), None);
    }
}
