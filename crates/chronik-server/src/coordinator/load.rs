//! Reads a shard's log into its state.
//!
//! Everything below the log end of the moment this node began to lead is read, as far as it is
//! committed; what is not committed yet is waited for. A record that cannot be read is counted
//! and passed over: one bad record must not take every group of the shard away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chronik_coordinator::{GroupShard, Settings};
use chronik_io::{Clock, task};
use chronik_log::ReadError;
use chronik_protocol::{BatchIter, RecordIter};
use chronik_types::Offset;

use crate::partition::{FetchWaiter, Partition};

/// Bytes that are read and taken over at once.
const STEP_BYTES: usize = 1 << 20;
/// Bytes that the records of one compressed batch may take.
const OPEN_BYTES_MAX: usize = 64 << 20;
/// How long a log that could not be read is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// Unreadable records that are reported one by one; the rest is only counted.
const REPORTED_MAX: u64 = 10;

/// A loaded shard.
pub(super) struct Loaded {
    pub(super) shard: GroupShard,
    /// Records that were read.
    pub(super) records: u64,
    /// Those of them that could not be understood.
    pub(super) unreadable: u64,
}

/// `None` if this node does not lead the partition any more, or if its log is damaged: a part of
/// what was committed would be taken for the whole.
pub(super) async fn load(
    clock: &Clock,
    partition: &Arc<Partition>,
    settings: Settings,
) -> Option<Loaded> {
    let offsets = partition.log.offsets();
    let (mut at, end) = (offsets.log_start, offsets.log_end);
    let mut loaded = Loaded {
        shard: GroupShard::new(settings),
        records: 0,
        unreadable: 0,
    };
    while at < end {
        let waiter = Arc::new(FetchWaiter::default());
        let ticket = partition.park(&waiter);
        let positions = partition.positions(None);
        let upto = positions.as_ref().map(|positions| positions.high_watermark);
        if let Ok(upto) = upto
            && upto <= at
        {
            waiter.woken().await;
            partition.unpark(ticket);
            continue;
        }
        partition.unpark(ticket);
        let upto = upto.ok()?.min(end);
        let from = Arc::clone(partition);
        let step = move || take_over(&from, at, upto, loaded);
        let (taken, next) = task::blocking(step).await;
        loaded = taken;
        match next {
            Ok(next) => at = next,
            // What lay there was compacted away or deleted meanwhile.
            Err(ReadError::OutOfRange { log_start, .. }) if log_start > at => at = log_start,
            Err(ReadError::File(error)) => {
                tracing::error!(event = "group_shard_unread", partition = %partition.partition, offset = %at, %error, "the log of consumer groups cannot be read; it is tried again");
                clock.sleep_until(clock.now() + RETRY).await;
            }
            Err(error @ (ReadError::Corrupt { .. } | ReadError::OutOfRange { .. })) => {
                tracing::error!(event = "group_shard_damaged", partition = %partition.partition, offset = %at, %error, "the log of consumer groups is damaged: its groups have no coordinator");
                return None;
            }
            Err(ReadError::Closed) => return None,
        }
    }
    Some(loaded)
}

/// Reads one step, and gives where the next begins.
fn take_over(
    partition: &Partition,
    at: Offset,
    upto: Offset,
    mut loaded: Loaded,
) -> (Loaded, Result<Offset, ReadError>) {
    let read = match partition.log.read(at, STEP_BYTES, upto, true) {
        Ok(read) => read,
        Err(error) => return (loaded, Err(error)),
    };
    // Nothing more below `upto`: compaction has removed what was at its end.
    let next = if read.batches.is_empty() {
        upto
    } else {
        read.next_offset
    };
    for batch in BatchIter::new(&read.batches) {
        match batch {
            Ok((start, _)) => loaded.batch(partition, &read.batches.slice(start..)),
            Err(error) => loaded.refuse(partition, &error),
        }
    }
    (loaded, Ok(next))
}

impl Loaded {
    fn batch(&mut self, partition: &Partition, bytes: &Bytes) {
        let records = match RecordIter::new(bytes, OPEN_BYTES_MAX) {
            Ok(records) => records,
            Err(error) => return self.refuse(partition, &error),
        };
        // Markers of transactions carry no group's state.
        if records.header().is_control() {
            return;
        }
        for record in records {
            self.records += 1;
            match record {
                Ok(record) => {
                    let replayed = self
                        .shard
                        .replay(record.key.as_ref(), record.value.as_ref());
                    if let Err(error) = replayed {
                        self.refuse(partition, &error);
                    }
                }
                Err(error) => return self.refuse(partition, &error),
            }
        }
    }

    fn refuse(&mut self, partition: &Partition, error: &dyn std::fmt::Display) {
        self.unreadable += 1;
        if self.unreadable <= REPORTED_MAX {
            tracing::warn!(event = "group_record_unreadable", partition = %partition.partition, %error, "a record of consumer groups is passed over");
        }
    }
}
