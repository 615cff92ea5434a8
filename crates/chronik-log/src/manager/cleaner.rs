//! The cleaner: compacts the dirtiest log, then the next, one at a time.
//!
//! Woken by a closed segment, a finished checkpoint or changed settings, and by one timer only
//! while something dirty is held back (by its age, by the recovery point, by a high watermark, or
//! because the disk was full). A log that nothing happens to costs nothing. What it reads and
//! writes is bounded per second, and it waits while the journal has no room: clients come first.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chronik_io::task::spawn_owner;
use chronik_types::Instant;
use tokio::sync::{oneshot, watch};

use crate::error::LogError;
use crate::log::{CleanError, Cleanability, CompactionRun, PartitionLog};
use crate::shared::Shared;

/// How fast a compaction may go, and whether it may go on.
#[derive(Debug)]
pub(crate) struct Pace {
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
    /// When what was spent so far may have been spent.
    due: Instant,
}

impl Pace {
    fn new(shared: &Arc<Shared>, stopped: watch::Receiver<bool>) -> Self {
        Self {
            due: shared.env.clock.now(),
            shared: Arc::clone(shared),
            stopped,
        }
    }

    /// Counts bytes read and written, and waits as long as they should have taken. An error once
    /// the manager closes.
    pub(crate) async fn spend(&mut self, read: u64, written: u64) -> Result<(), CleanError> {
        let stats = &self.shared.stats;
        stats.cleaner_read_bytes.fetch_add(read, Ordering::Relaxed);
        stats
            .cleaner_written_bytes
            .fetch_add(written, Ordering::Relaxed);
        let clock = &self.shared.env.clock;
        if let Some(rate) = self.shared.options.cleaner_bytes_per_second {
            let nanos = u128::from(read + written) * 1_000_000_000 / u128::from(rate.max(1));
            let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
            let from = self.due.max(clock.now());
            self.due = Instant::from_nanos(from.as_nanos().saturating_add(nanos));
        }
        let wait = async {
            clock.sleep_until(self.due).await;
            self.shared.queue.room().await;
        };
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = wait => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        if *self.stopped.borrow() {
            return Err(CleanError::Changed);
        }
        Ok(())
    }

    /// Counts records that are gone.
    pub(crate) fn dropped(&self, records: u64) {
        let stats = &self.shared.stats;
        stats
            .cleaner_records_dropped
            .fetch_add(records, Ordering::Relaxed);
    }
}

/// Runs until told to stop.
pub(super) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut held_back = false;
    loop {
        let backoff = async {
            if held_back {
                tokio::time::sleep(shared.options.cleaner_backoff).await;
            } else {
                std::future::pending().await
            }
        };
        let timed = tokio::select! {
            () = shared.cleaning.notified() => false,
            () = backoff => true,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        held_back = round(&shared, &stopped, timed).await;
    }
}

/// Compacts until nothing is dirty enough; whether something is held back.
async fn round(shared: &Arc<Shared>, stopped: &watch::Receiver<bool>, timed: bool) -> bool {
    let mut failed: Vec<Arc<PartitionLog>> = Vec::new();
    loop {
        let found = consider(shared);
        let waiting = found.waiting.iter().chain(&found.dirty);
        shared.put_to_clean(waiting.chain(&failed));
        let is_new = |log: &&Arc<PartitionLog>| !failed.iter().any(|old| Arc::ptr_eq(old, log));
        let Some(log) = found.dirty.iter().find(is_new) else {
            if timed && found.wants_checkpoint {
                // Nothing else would raise the recovery point of a log that is hardly written to.
                shared.want_roll_sync();
            }
            return !found.waiting.is_empty() || !failed.is_empty();
        };
        if *stopped.borrow() {
            return false;
        }
        match clean(shared, log, stopped.clone()).await {
            Ok(Some(_)) => {}
            // It is being truncated, switched or deleted, or the node stops.
            Ok(None) | Err(CleanError::Changed) => failed.push(Arc::clone(log)),
            Err(error) => {
                tracing::warn!(event = "compaction_put_off", log = log.dir_name(), %error, "a compaction is put off");
                failed.push(Arc::clone(log));
            }
        }
    }
}

/// What there is to do.
#[derive(Default)]
struct Found {
    /// Dirtiest first.
    dirty: Vec<Arc<PartitionLog>>,
    waiting: Vec<Arc<PartitionLog>>,
    wants_checkpoint: bool,
}

fn consider(shared: &Shared) -> Found {
    let mut found = Found::default();
    let mut dirty = Vec::new();
    for log in shared.take_to_clean() {
        let Some(stable) = shared.stable_end(&log) else {
            found.waiting.push(log);
            continue;
        };
        match log.cleanability(stable) {
            Cleanability::Now(millionths) => dirty.push((millionths, log)),
            Cleanability::Later { wants_checkpoint } => {
                found.wants_checkpoint |= wants_checkpoint;
                found.waiting.push(log);
            }
            Cleanability::Not => {}
        }
    }
    dirty.sort_by_key(|(millionths, _)| std::cmp::Reverse(*millionths));
    found.dirty = dirty.into_iter().map(|(_, log)| log).collect();
    found
}

async fn clean(
    shared: &Arc<Shared>,
    log: &Arc<PartitionLog>,
    stopped: watch::Receiver<bool>,
) -> Result<Option<CompactionRun>, CleanError> {
    let _alone = shared.cleaning_alone.lock().await;
    let Some(stable) = shared.stable_end(log) else {
        return Ok(None);
    };
    let began = shared.env.clock.now();
    let run = log.clean(stable, &mut Pace::new(shared, stopped)).await?;
    if run.is_some() {
        let took = shared.env.clock.now().as_nanos() - began.as_nanos();
        let took = Duration::from_nanos(took).as_millis();
        let stats = &shared.stats;
        stats.cleaner_runs.fetch_add(1, Ordering::Relaxed);
        stats
            .cleaner_last_ms
            .store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    Ok(run)
}

/// [`clean`] on a task of its own: a swap that has begun must end even if the caller goes away.
pub(super) async fn clean_detached(
    shared: &Arc<Shared>,
    log: Arc<PartitionLog>,
    stopped: watch::Receiver<bool>,
) -> Result<Option<CompactionRun>, LogError> {
    let (sender, done) = oneshot::channel();
    let own = Arc::clone(shared);
    spawn_owner(&shared.env.exit, "compaction", async move {
        let _ = sender.send(clean(&own, &log, stopped).await);
    });
    let result = done.await.map_err(|_| LogError::Closed)?;
    result.map_err(|error| match error {
        CleanError::File(error) => LogError::File(error),
        CleanError::Changed => LogError::Busy,
        CleanError::Corrupt(corruption) => LogError::Corrupt(corruption.to_string()),
    })
}
