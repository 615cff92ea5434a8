//! What may go because of its age or the log's size.
//!
//! Oldest segments first, stopping at the first that stays; never beyond `upto` (the high
//! watermark) nor the recovery point, and the last segment stays. The new start is durable in
//! the journal before a file is touched.

use std::sync::Arc;

use chronik_types::{Offset, Timestamp};

use super::{Gate, PartitionLog, State};
use crate::error::LogError;

impl PartitionLog {
    /// Applies `retention.ms` and `retention.bytes`: moves the log's start over segments that may
    /// go. `upto` is the high watermark (exclusive). Returns the bytes freed.
    pub async fn apply_retention(
        self: &Arc<Self>,
        now: Timestamp,
        upto: Offset,
    ) -> Result<u64, LogError> {
        let (freed, done) = {
            let mut state = self.lock();
            if state.gate != Gate::Open || !state.config.cleanup_delete {
                return Ok(0);
            }
            let (count, freed) = state.expired(now, upto);
            if count == 0 {
                return Ok(0);
            }
            let start = state.segments[count].base.max(state.log_start);
            (freed, self.move_log_start(&mut state, start)?)
        };
        done.await.map_err(|_| LogError::Closed)?;
        Ok(freed)
    }
}

impl State {
    /// How many of the oldest segments may go, and their bytes.
    fn expired(&self, now: Timestamp, upto: Offset) -> (usize, u64) {
        let mut total: u64 = self.segments.iter().map(|segment| segment.size).sum();
        let (mut count, mut freed) = (0, 0);
        for pair in 1..self.segments.len() {
            let (segment, next) = (&self.segments[pair - 1], &self.segments[pair]);
            if next.base > upto || !self.is_below_recovery_point(next.base) {
                break;
            }
            // Records without a timestamp say nothing about their age.
            let told = segment.max_timestamp.filter(|max| max.0 >= 0);
            let newest = told.map_or(segment.begun, |max| max.0);
            let age = now.as_millis().saturating_sub(newest);
            let too_old = self
                .config
                .retention_ms
                .is_some_and(|most| u64::try_from(age).is_ok_and(|age| age > most));
            let too_much = self
                .config
                .retention_bytes
                .is_some_and(|most| total.saturating_sub(segment.size) >= most);
            let below_start = next.base <= self.log_start;
            if !(too_old || too_much || below_start) {
                break;
            }
            total -= segment.size;
            freed += segment.size;
            count += 1;
        }
        (count, freed)
    }
}
