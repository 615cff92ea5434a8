//! Watches openraft: who leads, when a snapshot is due, and whether its core is still there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chronik_io::{ExitCode, task};
use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::Fatal;
use tokio::sync::watch;

use super::Raft;
use crate::leadership::Leadership;
use crate::log::Progress;
use crate::options::RaftOptions;
use crate::types::Runtime;

/// How often the snapshot trigger looks.
const LOOK: Duration = Duration::from_secs(1);

/// Starts watching; the receiver follows the leadership.
pub(super) fn spawn(
    options: &RaftOptions,
    raft: &Raft,
    progress: Arc<Progress>,
    stopping: Arc<AtomicBool>,
) -> watch::Receiver<Leadership> {
    let (sender, receiver) = watch::channel(Leadership::default());
    let exit = options.env.exit.clone();
    let watched = watch_core(options.clone(), raft.clone(), sender, stopping.clone());
    task::spawn_owner(&exit, "raft watcher", watched);
    let seed = options.env.rng.next_u64();
    let triggered = trigger_snapshots(options.clone(), raft.clone(), progress, stopping);
    task::spawn_owner(&exit, "raft snapshots", Runtime::scope(seed, triggered));
    receiver
}

async fn watch_core(
    options: RaftOptions,
    raft: Raft,
    leadership: watch::Sender<Leadership>,
    stopping: Arc<AtomicBool>,
) {
    let mut metrics = raft.metrics();
    // Only the receiver may keep the core's channels: a handle would hide its end.
    drop(raft);
    let reason = loop {
        let (now, running) = {
            let metrics = metrics.borrow_watched();
            let leader = metrics.current_leader;
            let now = Leadership {
                term: metrics.current_term,
                leader,
                is_local: leader == Some(options.member) && metrics.state == ServerState::Leader,
            };
            (now, metrics.running_state.clone())
        };
        leadership.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
        if let Err(fatal) = running {
            break fatal;
        }
        if metrics.changed().await.is_err() {
            break Fatal::Panicked;
        }
    };
    leadership.send_modify(|leadership| leadership.is_local = false);
    if stopping.load(Ordering::Acquire) {
        return;
    }
    let code = match reason {
        Fatal::StorageError(_) => ExitCode::Storage,
        Fatal::Panicked | Fatal::Stopped => ExitCode::Internal,
    };
    let reason = format!("the Raft core ended: {reason}");
    options.env.exit.fatal(code, &reason).await;
}

/// Our own trigger, by bytes and time: openraft's counts entries, and ours differ by five orders
/// of magnitude in size.
async fn trigger_snapshots(
    options: RaftOptions,
    raft: Raft,
    progress: Arc<Progress>,
    stopping: Arc<AtomicBool>,
) {
    let clock = options.env.clock.clone();
    let mut bytes_at_last = 0;
    let mut last = clock.now();
    while !stopping.load(Ordering::Acquire) {
        clock.sleep_until(clock.now() + LOOK).await;
        let bytes = progress.bytes.load(Ordering::Relaxed);
        let new = bytes - bytes_at_last;
        let due = new >= options.snapshot_bytes
            || (new > 0 && clock.now().since(last) >= options.snapshot_interval);
        if !due {
            continue;
        }
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
        bytes_at_last = bytes;
        last = clock.now();
    }
}
