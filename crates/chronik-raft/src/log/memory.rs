//! The log as readers see it.
//!
//! Invariant: entries are consecutive, and the first follows the last purged one.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

use crate::types::{Entry, LogId, Vote};

/// How many bytes of entries one replication message takes at most, unless one entry is larger.
const READ_LIMIT: usize = 1024 * 1024;

/// Everything the log holds.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
    /// Entries with their length in bytes.
    entries: VecDeque<(Entry, usize)>,
}

impl Memory {
    pub(crate) fn last(&self) -> Option<LogId> {
        self.entries
            .back()
            .map(|(entry, _)| entry.log_id)
            .or(self.purged)
    }

    fn first_index(&self) -> u64 {
        self.entries.front().map_or_else(
            || self.purged.map_or(0, |id| id.index + 1),
            |(entry, _)| entry.log_id.index,
        )
    }

    /// Whether `entry` is the next one.
    pub(crate) fn continues(&self, entry: &Entry) -> bool {
        match self.last() {
            Some(last) => entry.log_id.index == last.index + 1,
            // The first entry of an empty log is anyone's: only tests start above 0.
            None => true,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry, bytes: usize) {
        self.entries.push_back((entry, bytes));
    }

    pub(crate) fn truncate_after(&mut self, last: Option<LogId>) {
        while self
            .entries
            .back()
            .is_some_and(|(entry, _)| last.is_none_or(|last| entry.log_id.index > last.index))
        {
            self.entries.pop_back();
        }
    }

    pub(crate) fn purge(&mut self, upto: LogId) {
        while self
            .entries
            .front()
            .is_some_and(|(entry, _)| entry.log_id.index <= upto.index)
        {
            self.entries.pop_front();
        }
        self.purged = self.purged.max(Some(upto));
    }

    pub(crate) fn range(&self, range: &impl RangeBounds<u64>) -> Vec<Entry> {
        self.select(range).map(|(entry, _)| entry.clone()).collect()
    }

    /// As [`Self::range`], but not more than [`READ_LIMIT`] bytes after the first entry.
    pub(crate) fn limited(&self, start: u64, end: u64) -> Vec<Entry> {
        let mut bytes = 0;
        self.select(&(start..end))
            .take_while(|(_, len)| {
                let fits = bytes == 0 || bytes + len <= READ_LIMIT;
                bytes += len;
                fits
            })
            .map(|(entry, _)| entry.clone())
            .collect()
    }

    fn select(&self, range: &impl RangeBounds<u64>) -> impl Iterator<Item = &(Entry, usize)> {
        let first = self.first_index();
        let at = |index: u64| {
            usize::try_from(index.saturating_sub(first))
                .unwrap_or(usize::MAX)
                .min(self.entries.len())
        };
        let start = at(match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        });
        let end = at(match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        });
        self.entries.range(start..end.max(start))
    }
}
