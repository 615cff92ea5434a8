//! The housekeeper: checkpoints when the journal asks for one, prepares journal files, removes
//! what was deleted.
//!
//! Woken by events; by a timer only while a full disk has put something off. A file that failed to sync ends the process; a file
//! that cannot be removed is reported and left for the next start.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chronik_io::ExitCode;
use chronik_io::fs::OpenMode;
use chronik_io::task::spawn_owner;
use tokio::sync::{oneshot, watch};

use crate::error::{FileError, LogError};
use crate::log::PartitionLog;
use crate::shared::{Deletion, Shared};

/// How long a full disk is given before what it put off is tried again.
const PUT_OFF: Duration = Duration::from_secs(5);

/// Logs that are synced together.
const CHECKPOINT_LOGS: usize = 256;

/// Runs until told to close.
pub(super) async fn run(shared: Arc<Shared>, mut closed: watch::Receiver<bool>) {
    loop {
        let again = async {
            if shared.is_put_off() {
                tokio::time::sleep(PUT_OFF).await;
            } else {
                std::future::pending().await
            }
        };
        let again = tokio::select! {
            () = shared.housekeeping.notified() => false,
            () = again => true,
            _ = closed.wait_for(|closed| *closed) => return,
        };
        if let Err(error) = work(&shared, again).await {
            if error.is_full() {
                // Nothing was promised yet: journal files and indexes are tried again later.
                tracing::warn!(%error, "housekeeping is put off");
                shared.put_off();
                continue;
            }
            shared
                .env
                .exit
                .fatal(ExitCode::Storage, &error.to_string())
                .await;
        }
    }
}

async fn work(shared: &Arc<Shared>, again: bool) -> Result<(), FileError> {
    match shared.files.prepare_ahead(shared).await {
        // A checkpoint may free a file instead.
        Err(error) if error.is_full() => tracing::warn!(%error, "no further journal file"),
        done => done?,
    }
    let due = shared.since_checkpoint() >= shared.options.checkpoint_bytes;
    // Each is asked, because asking takes it back.
    let asked = shared.wants_roll_sync() | (again && shared.takes_up_again());
    if due || shared.files.wants_free() || asked {
        checkpoint(shared, false).await?;
    }
    for deletion in shared.take_deletions() {
        if let Err(error) = remove(shared, &deletion).await {
            tracing::warn!(%error, "what was deleted could not be removed");
        }
    }
    Ok(())
}

/// [`checkpoint`] on a task of its own: what it took must be synced even if the caller goes away.
pub(super) async fn checkpoint_detached(
    shared: &Arc<Shared>,
    everything: bool,
) -> Result<(), LogError> {
    let (sender, done) = tokio::sync::oneshot::channel();
    let own = Arc::clone(shared);
    shared.queue.flush().await;
    spawn_owner(&shared.env.exit, "checkpoint", async move {
        let _ = sender.send(checkpoint(&own, everything).await);
    });
    done.await
        .map_err(|_| LogError::Closed)?
        .map_err(LogError::File)
}

/// Syncs every dirty log, says so in the journal, and frees the files no operation needs. With
/// `everything` also what a running node leaves to the kernel.
async fn checkpoint(shared: &Arc<Shared>, everything: bool) -> Result<(), FileError> {
    let _alone = shared.checkpointing.lock().await;
    shared.start_checkpoint_count();
    // What this checkpoint covers shall lie in files of its own, so that recovery need not read
    // it. Without a free file the journal stays where it is, and the next checkpoint sees to it.
    let _ = shared.queue.ask_for_next_file().await;
    // The file being written now is the oldest a concurrent append can go into.
    let mut needed_from = shared.files.current_sequence();
    let mut waits = Vec::new();
    // In parts, because syncing opens indexes too, and a process may have so many files open.
    for logs in shared.dirty().chunks(CHECKPOINT_LOGS) {
        waits.extend(checkpoint_some(shared, logs, everything).await?);
    }
    for wait in waits {
        // A dropped sender means that the journal has ended, and with it the process.
        let _ = wait.await;
    }
    for log in shared.dirty() {
        if let Some(oldest) = log.settle() {
            needed_from = needed_from.min(oldest);
        }
    }
    let freed = shared.files.recycle(shared, needed_from).await?;
    shared
        .stats
        .files_recycled
        .fetch_add(freed as u64, Ordering::Relaxed);
    shared.stats.checkpoints.fetch_add(1, Ordering::Relaxed);
    shared.cleaning.notify_one();
    Ok(())
}

/// Syncs some logs; what is to be waited for until the journal says so.
async fn checkpoint_some(
    shared: &Arc<Shared>,
    logs: &[Arc<PartitionLog>],
    everything: bool,
) -> Result<Vec<oneshot::Receiver<()>>, FileError> {
    let mut works = Vec::with_capacity(logs.len());
    let mut put_off = None;
    for log in logs {
        match log.begin_checkpoint(everything) {
            Ok(Some(work)) => {
                work.start_writeback();
                works.push((log, work));
            }
            Ok(None) => {}
            Err(error) if error.is_full() => put_off = Some((log.dir_name(), error)),
            Err(error) => {
                shared
                    .env
                    .exit
                    .fatal(ExitCode::Storage, &error.to_string())
                    .await
            }
        }
    }
    // One line for all: what is full is full for every one of them.
    if let Some((log, error)) = put_off {
        tracing::warn!(%error, log, "a checkpoint is put off");
        shared.put_off();
    }
    let mut waits = Vec::with_capacity(works.len());
    for (log, work) in &works {
        work.sync(log).await?;
        let wait = log.finish_checkpoint(work);
        if wait.is_none() && !log.is_deleted() {
            // It changed meanwhile. If the journal waits for a file, this one may hold it up.
            shared.housekeeping.notify_one();
        }
        waits.extend(wait);
        if shared.has_many_open_files() {
            log.close_clean_files();
        }
    }
    Ok(waits)
}

async fn remove(shared: &Shared, deletion: &Deletion) -> Result<(), FileError> {
    match deletion {
        Deletion::File(path) => remove_in_steps(shared, path).await,
        Deletion::Directory { renamed, was } => {
            let root = &shared.layout.root;
            let disk = &shared.env.disk;
            disk.sync_dir(root)
                .await
                .map_err(|e| FileError::new("sync", root, e))?;
            // The old name cannot come back now: the journal may forget it.
            shared.add_gone(was.iter().cloned().collect());
            let dir = root.join(renamed);
            let entries = disk
                .list(&dir)
                .map_err(|e| FileError::new("list", &dir, e))?;
            for entry in entries {
                remove_in_steps(shared, &dir.join(&entry.name)).await?;
            }
            disk.remove_dir(&dir)
                .map_err(|e| FileError::new("remove", &dir, e))
        }
    }
}

/// Truncates in steps before unlinking: one unlink of a large file stalls every other write.
async fn remove_in_steps(shared: &Shared, path: &Path) -> Result<(), FileError> {
    let disk = &shared.env.disk;
    let step = shared.options.delete_step_bytes.max(1);
    let file = match disk.open(path, OpenMode::ReadWrite) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(FileError::new("open", path, e)),
    };
    let failed = |e| FileError::new("truncate", path, e);
    let mut len = file.len().map_err(failed)?;
    while len > step {
        len -= step;
        file.set_len(len).map_err(failed)?;
        tokio::task::yield_now().await;
    }
    disk.remove_file(path)
        .map_err(|e| FileError::new("remove", path, e))
}
