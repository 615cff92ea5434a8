//! Which leader epoch starts at which offset, in memory and in Kafka's `leader-epoch-checkpoint`:
//!
//! ```text
//! 0
//! <number of entries>
//! <epoch> <start offset>
//! ```
//!
//! Invariant: epochs and start offsets both grow from entry to entry.

use chronik_types::{LeaderEpoch, Offset};

/// The file's name within a partition's directory.
pub(crate) const FILE_NAME: &str = "leader-epoch-checkpoint";

/// Start offsets of the leader epochs of one log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct LeaderEpochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl LeaderEpochs {
    /// Notes that `epoch` starts at `start`; older or known epochs change nothing. Entries that
    /// never got a record are replaced.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return false;
        }
        while self.entries.last().is_some_and(|last| last.1 >= start) {
            self.entries.pop();
        }
        self.entries.push((epoch, start));
        true
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.0)
    }

    pub(crate) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    /// The largest epoch not above `asked`, and where it ends (exclusive), as Kafka's
    /// OffsetForLeaderEpoch answers it: nothing for an epoch later than all, and for one earlier
    /// than all that the log begins with a later one.
    pub(crate) fn end_of(
        &self,
        asked: LeaderEpoch,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        if self.latest() == Some(asked) {
            return Some((asked, log_end));
        }
        let after = self.entries.partition_point(|entry| entry.0 <= asked);
        let next = self.entries.get(after)?;
        let found = self.entries[..after].last();
        Some((found.map_or(asked, |found| found.0), next.1))
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.1 <= offset);
        self.entries[..after].last().map(|entry| entry.0)
    }

    /// Forgets epochs that start at or after `end`.
    pub(crate) fn truncate_end(&mut self, end: Offset) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.1 < end);
        self.entries.len() != before
    }

    /// Forgets epochs that end at or before `start`; the one in force there starts there now.
    pub(crate) fn truncate_start(&mut self, start: Offset) -> bool {
        let after = self.entries.partition_point(|entry| entry.1 <= start);
        if after == 0 || (after == 1 && self.entries[0].1 == start) {
            return false;
        }
        self.entries.drain(..after - 1);
        self.entries[0].1 = start;
        true
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The file's text.
    pub(crate) fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            text.push_str(&format!("{epoch} {start}\n"));
        }
        text
    }

    /// Reads the file's text; `None` if it is not one.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()?.trim() != "0" {
            return None;
        }
        let count: usize = lines.next()?.trim().parse().ok()?;
        let mut epochs = Self::default();
        for line in lines.by_ref().take(count) {
            let (epoch, start) = line.trim().split_once(' ')?;
            let entry = (
                LeaderEpoch::new(epoch.parse().ok()?),
                Offset::new(start.parse().ok()?),
            );
            if epochs
                .entries
                .last()
                .is_some_and(|last| last.0 >= entry.0 || last.1 > entry.1)
            {
                return None;
            }
            epochs.entries.push(entry);
        }
        (epochs.entries.len() == count).then_some(epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in entries {
            epochs.assign(LeaderEpoch::new(*epoch), Offset::new(*start));
        }
        epochs
    }

    #[test]
    fn the_end_of_an_epoch_is_the_start_of_the_next_or_the_log_end() {
        let epochs = epochs(&[(1, 0), (3, 10), (4, 25)]);
        let end = |epoch| epochs.end_of(LeaderEpoch::new(epoch), Offset::new(40));
        assert_eq!(end(0), Some((LeaderEpoch::new(0), Offset::new(0))));
        assert_eq!(end(1), Some((LeaderEpoch::new(1), Offset::new(10))));
        assert_eq!(end(2), Some((LeaderEpoch::new(1), Offset::new(10))));
        assert_eq!(end(4), Some((LeaderEpoch::new(4), Offset::new(40))));
        assert_eq!(end(9), None);
        assert_eq!(epochs.epoch_at(Offset::new(24)), Some(LeaderEpoch::new(3)));
    }

    #[test]
    fn an_epoch_without_a_record_is_replaced_by_the_next() {
        assert_eq!(
            epochs(&[(1, 0), (2, 10), (3, 10)]),
            epochs(&[(1, 0), (3, 10)])
        );
    }

    #[test]
    fn truncating_either_end_keeps_the_epoch_in_force() {
        let mut cut = epochs(&[(1, 0), (3, 10), (4, 25)]);
        assert!(cut.truncate_start(Offset::new(12)));
        assert_eq!(cut, epochs(&[(3, 12), (4, 25)]));
        assert!(cut.truncate_end(Offset::new(25)));
        assert_eq!(cut, epochs(&[(3, 12)]));
        assert!(!cut.truncate_start(Offset::new(12)));
    }

    #[test]
    fn the_file_reads_back_and_damage_is_refused() {
        let epochs = epochs(&[(1, 0), (3, 10)]);
        assert_eq!(epochs.encode(), "0\n2\n1 0\n3 10\n");
        assert_eq!(LeaderEpochs::decode(&epochs.encode()), Some(epochs));
        assert_eq!(LeaderEpochs::decode("0\n2\n1 0\n"), None);
        assert_eq!(LeaderEpochs::decode("1\n0\n"), None);
    }
}
