//! All logs of a data directory: opening, creating, deleting, checkpoints, closing.
//!
//! Three tasks: the journal's writer, the housekeeper and the cleaner; none per partition. Lock order: the map
//! of logs, then a log, then the queue.
//!
//! - `recovery`: from a stopped directory to logs and a fresh journal file.
//! - `housekeeper`: checkpoints, journal files, removal of what was deleted.
//! - `cleaner`: compaction of the dirtiest log, and of the next.
//! - `checkpoint_files`: the text files Kafka reads, written on a clean stop.

mod checkpoint_files;
mod cleaner;
mod housekeeper;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chronik_io::Env;
use chronik_io::task::spawn_owner;
use chronik_types::{Durability, Offset, PartitionId, TopicId};
use tokio::task::JoinHandle;

use crate::config::{Layout, LogConfig, LogManagerOptions};
use crate::error::{LogError, OpenError};
use crate::journal::record::LogId;
use crate::journal::scan::JournalHole;
use crate::journal::writer::Writer;
use crate::log::{Compaction, CompactionRun, Loss, PartitionKey, PartitionLog, dir_name_of};
use crate::shared::{Shared, lock};
use crate::stats::LogStats;
pub(crate) use cleaner::Pace;

/// Told after each window of the journal.
pub trait DurableListener: std::fmt::Debug + Send + Sync {
    /// These logs' durable ends have moved forward to the given offsets (exclusive). Called on
    /// the journal's task, without locks: it must not block.
    fn on_durable(&self, advanced: &[(Arc<PartitionLog>, Offset)]);
}

/// Knows up to where a log's records are final.
pub trait StableOffsets: std::fmt::Debug + Send + Sync {
    /// The last stable offset (exclusive), or the high watermark where there are no transactions;
    /// `None` while this node does not know it. Compaction stays below. Called without locks.
    fn stable_end(&self, log: &PartitionLog) -> Option<Offset>;
}

/// How far recovery is; to be read while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the journal read.
    pub journal_bytes: AtomicU64,
    /// Logs to recover.
    pub logs_total: AtomicU64,
    /// Logs recovered.
    pub logs_done: AtomicU64,
}

/// What recovery found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecoveryReport {
    /// Logs that may be used.
    pub logs: usize,
    /// Logs that may not, and why.
    pub offline: Vec<(PartitionKey, Loss)>,
    /// Whether the directory had been closed properly: nothing had to be redone.
    pub clean: bool,
    /// Valid frames in the journal.
    pub journal_frames: u64,
    /// Bytes of the journal that were read.
    pub journal_bytes: u64,
    /// Appends done again.
    pub appends_redone: u64,
    /// Where the journal lacks something it had made durable.
    pub hole: Option<JournalHole>,
    /// Partition directories the journal does not know. They are left alone.
    pub strays: Vec<String>,
}

/// The logs of one data directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogManager {
    shared: Arc<Shared>,
    logs: Arc<Mutex<Logs>>,
    tasks: Arc<Tasks>,
}

#[derive(Debug, Default)]
struct Logs {
    by_id: BTreeMap<LogId, Arc<PartitionLog>>,
    /// Their directories' names.
    names: BTreeSet<String>,
}

#[derive(Debug)]
struct Tasks {
    writer: Mutex<Option<JoinHandle<()>>>,
    housekeeper: Mutex<Option<JoinHandle<()>>>,
    cleaner: Mutex<Option<JoinHandle<()>>>,
    /// Ends the cleaner, which comes first.
    stop_cleaning: tokio::sync::watch::Sender<bool>,
    closing: tokio::sync::watch::Sender<bool>,
}

impl LogManager {
    /// Opens the logs of a locked data directory: recovers them, writes what it keeps to a fresh
    /// journal file, syncs that, and starts the two tasks.
    pub async fn open(
        env: &Env,
        dir: &Path,
        options: LogManagerOptions,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        Self::open_with_progress(env, dir, options, Arc::default()).await
    }

    /// As [`LogManager::open`], counting into `progress`.
    pub async fn open_with_progress(
        env: &Env,
        dir: &Path,
        options: LogManagerOptions,
        progress: Arc<Progress>,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        let layout = Layout {
            root: dir.to_owned(),
        };
        let options_clean = options.cleaner_enable;
        let shared = Arc::new(Shared::new(env.clone(), options, layout));
        let recovered = recovery::recover(&shared, progress).await?;
        let logs: BTreeMap<_, _> = recovered
            .logs
            .into_iter()
            .map(|log| (log.id(), log))
            .collect();
        let writer = Writer::new(
            Arc::clone(&shared),
            recovered.position,
            logs.clone(),
            recovered.deleting,
        );
        let (closing, closed) = tokio::sync::watch::channel(false);
        let (stop_cleaning, stopped) = tokio::sync::watch::channel(false);
        let cleaner = options_clean.then(|| {
            spawn_owner(
                &env.exit,
                "log cleaner",
                cleaner::run(Arc::clone(&shared), stopped),
            )
        });
        let tasks = Tasks {
            writer: Mutex::new(Some(spawn_owner(&env.exit, "journal", writer.run()))),
            housekeeper: Mutex::new(Some(spawn_owner(
                &env.exit,
                "log housekeeper",
                housekeeper::run(Arc::clone(&shared), closed),
            ))),
            cleaner: Mutex::new(cleaner),
            stop_cleaning,
            closing,
        };
        shared.housekeeping.notify_one();
        let manager = Self {
            shared,
            logs: Arc::new(Mutex::new(Logs {
                names: logs.values().map(|log| log.dir_name().to_owned()).collect(),
                by_id: logs,
            })),
            tasks: Arc::new(tasks),
        };
        Ok((manager, recovered.report))
    }

    /// Creates a partition's log: one journal record, no directory, no file. It may be used at
    /// once; whatever depends on its existence follows the record in the journal.
    pub fn create(
        &self,
        key: PartitionKey,
        class: Durability,
        config: LogConfig,
    ) -> Result<Arc<PartitionLog>, LogError> {
        let mut logs = lock(&self.logs);
        let id = LogId {
            topic_id: key.topic_id,
            partition: key.partition,
        };
        if let Some(existing) = logs.by_id.get(&id) {
            return Err(if existing.is_offline() {
                LogError::Offline(key.topic_partition())
            } else {
                LogError::Exists(key.topic_partition())
            });
        }
        if logs.names.contains(&dir_name_of(&key.topic, key.partition)) {
            return Err(LogError::NameTaken(key.topic_partition()));
        }
        let log = Arc::new(PartitionLog::new(
            Arc::clone(&self.shared),
            key,
            class,
            config,
        ));
        self.shared.wait_if_renaming(&log);
        if !log.enqueue_create() {
            return Err(LogError::Closed);
        }
        logs.names.insert(log.dir_name().to_owned());
        logs.by_id.insert(id, Arc::clone(&log));
        Ok(log)
    }

    /// The log of a partition.
    #[must_use]
    pub fn get(&self, topic_id: TopicId, partition: PartitionId) -> Option<Arc<PartitionLog>> {
        lock(&self.logs)
            .by_id
            .get(&LogId {
                topic_id,
                partition,
            })
            .cloned()
    }

    /// All logs, those that are offline included.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<PartitionLog>> {
        lock(&self.logs).by_id.values().cloned().collect()
    }

    /// Deletes a partition's log. It refuses appends and reads at once, and its name may be taken
    /// by another topic at once; the future is ready when a crash cannot bring it back. Its files
    /// are removed in the background.
    pub async fn delete(&self, topic_id: TopicId, partition: PartitionId) -> Result<(), LogError> {
        let done = {
            let mut logs = lock(&self.logs);
            let id = LogId {
                topic_id,
                partition,
            };
            let log = Arc::clone(logs.by_id.get(&id).ok_or(LogError::NotFound)?);
            self.shared.start_renaming(log.dir_name());
            let done = log.begin_delete()?;
            logs.by_id.remove(&id);
            logs.names.remove(log.dir_name());
            done
        };
        done.await.map_err(|_| LogError::Closed)
    }

    /// Who is told when durable ends move. Replaces the one before.
    pub fn set_listener(&self, listener: Arc<dyn DurableListener>) {
        self.shared.set_listener(listener);
    }

    /// Who says up to where logs may be compacted. Without it, that is their durable end.
    pub fn set_stable_offsets(&self, stable_offsets: Arc<dyn StableOffsets>) {
        self.shared.set_stable_offsets(stable_offsets);
    }

    /// Compacts a partition's log now, however dirty it is; what it did, or `None` if nothing may
    /// be compacted. It runs to its end even if the caller goes away.
    pub async fn clean(
        &self,
        topic_id: TopicId,
        partition: PartitionId,
    ) -> Result<Option<CompactionRun>, LogError> {
        let log = self.get(topic_id, partition).ok_or(LogError::NotFound)?;
        let stopped = self.tasks.stop_cleaning.subscribe();
        cleaner::clean_detached(&self.shared, log, stopped).await
    }

    /// Waits until there is room in the journal: to be awaited before taking bytes to append.
    /// Ready at once unless a checkpoint has to free a file or too much waits for the disk.
    pub async fn room(&self) {
        self.shared.queue.room().await;
    }

    /// Waits until everything appended before the call is durable.
    pub async fn flush(&self) {
        self.shared.queue.flush().await;
    }

    /// Syncs everything that is only in the journal, so that its files can be used again.
    pub async fn checkpoint(&self) -> Result<(), LogError> {
        housekeeper::checkpoint_detached(&self.shared, false).await
    }

    /// Stops: everything is checkpointed, Kafka's checkpoint files are written, the tasks end.
    /// Appends after this fail.
    pub async fn close(&self) -> Result<(), LogError> {
        self.tasks.stop_cleaning.send_replace(true);
        let cleaner = lock(&self.tasks.cleaner).take();
        if let Some(task) = cleaner {
            let _ = task.await;
        }
        drop(self.shared.cleaning_alone.lock().await);
        housekeeper::checkpoint_detached(&self.shared, true).await?;
        self.tasks.closing.send_replace(true);
        let housekeeper = lock(&self.tasks.housekeeper).take();
        if let Some(task) = housekeeper {
            // A panic has ended the process already.
            let _ = task.await;
        }
        self.shared.queue.close();
        let writer = lock(&self.tasks.writer).take();
        if let Some(task) = writer {
            let _ = task.await;
        }
        checkpoint_files::write(&self.shared, &self.all()).await?;
        Ok(())
    }

    /// Counters since the start, and what is in use now.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let shared = &*self.shared;
        let (live, free, bytes) = shared.files.usage();
        let compacted = self.all().into_iter().filter(|log| log.is_compacted());
        let compacted: Vec<_> = compacted.map(|log| log.compaction()).collect();
        LogStats {
            checkpoint_lag_bytes: shared.since_checkpoint(),
            pending_bytes: shared.queue.pending_bytes(),
            journal_files_live: live,
            journal_files_free: free,
            journal_files_bytes: bytes,
            appended_bytes: shared.appended.load(Ordering::Relaxed),
            dirty_logs: shared.dirty().len(),
            cleaner_uncleanable: compacted.iter().filter(|c| c.uncleanable.is_some()).count(),
            cleaner_dirty_percent_max: compacted
                .iter()
                .map(Compaction::dirty_percent)
                .max()
                .unwrap_or(0),
            ..shared.stats.read()
        }
    }
}
