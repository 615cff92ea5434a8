//! What every log, the journal writer and the housekeeper share: the world, the queue, the
//! journal's files, the set of logs with work for a checkpoint.
//!
//! Locks here are leaves: nothing is called while one is held.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chronik_io::Env;
use chronik_types::Offset;
use tokio::sync::Notify;

use crate::config::{Layout, LogManagerOptions};
use crate::error::FileError;
use crate::journal::file::JournalFile;
use crate::journal::queue::Queue;
use crate::journal::record::LogId;
use crate::log::PartitionLog;
use crate::manager::{DurableListener, StableOffsets};
use crate::stats::Counters;

/// Shared by everything of one manager.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) env: Env,
    pub(crate) options: LogManagerOptions,
    pub(crate) layout: Layout,
    pub(crate) queue: Queue,
    pub(crate) files: Files,
    /// Wakes the housekeeper.
    pub(crate) housekeeping: Notify,
    pub(crate) stats: Counters,
    /// Bytes appended to all logs since the start.
    pub(crate) appended: AtomicU64,
    /// Log files kept open.
    pub(crate) open_files: AtomicUsize,
    listener: Mutex<Option<Arc<dyn DurableListener>>>,
    /// Weak: the manager and the journal's writer own the logs, and logs point here.
    dirty: Mutex<BTreeMap<LogId, Weak<PartitionLog>>>,
    /// Logs of which something may have become worth compacting. Weak as well.
    to_clean: Mutex<BTreeMap<LogId, Weak<PartitionLog>>>,
    /// Wakes the cleaner.
    pub(crate) cleaning: Notify,
    /// Held during a compaction: one at a time, so that there is one map of keys.
    pub(crate) cleaning_alone: tokio::sync::Mutex<()>,
    stable_offsets: Mutex<Option<Arc<dyn StableOffsets>>>,
    gone: Mutex<Vec<String>>,
    deletions: Mutex<Vec<Deletion>>,
    /// Directories about to be renamed: by how many deletions, and the log that waits.
    renaming: Mutex<BTreeMap<String, Renaming>>,
    /// Held during a checkpoint: one at a time.
    pub(crate) checkpointing: tokio::sync::Mutex<()>,
    since_checkpoint: AtomicU64,
    taken: AtomicU64,
    roll_sync: AtomicBool,
    put_off: AtomicBool,
}

impl Shared {
    pub(crate) fn new(env: Env, options: LogManagerOptions, layout: Layout) -> Self {
        Self {
            queue: Queue::new(options.pending_bytes_max),
            files: Files::default(),
            housekeeping: Notify::new(),
            stats: Counters::default(),
            appended: AtomicU64::new(0),
            open_files: AtomicUsize::new(0),
            listener: Mutex::default(),
            dirty: Mutex::default(),
            to_clean: Mutex::default(),
            cleaning: Notify::new(),
            cleaning_alone: tokio::sync::Mutex::default(),
            stable_offsets: Mutex::default(),
            gone: Mutex::default(),
            deletions: Mutex::default(),
            renaming: Mutex::default(),
            checkpointing: tokio::sync::Mutex::default(),
            since_checkpoint: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            roll_sync: AtomicBool::new(false),
            put_off: AtomicBool::new(false),
            env,
            options,
            layout,
        }
    }

    pub(crate) fn set_listener(&self, listener: Arc<dyn DurableListener>) {
        *lock(&self.listener) = Some(listener);
    }

    pub(crate) fn tell_listener(&self, advanced: &[(Arc<PartitionLog>, Offset)]) {
        let listener = lock(&self.listener).clone();
        if let Some(listener) = listener {
            listener.on_durable(advanced);
        }
    }

    pub(crate) fn set_stable_offsets(&self, stable_offsets: Arc<dyn StableOffsets>) {
        *lock(&self.stable_offsets) = Some(stable_offsets);
    }

    /// Up to where a log may be compacted (exclusive); `None` if that is not known now.
    pub(crate) fn stable_end(&self, log: &PartitionLog) -> Option<Offset> {
        let source = lock(&self.stable_offsets).clone();
        match source {
            Some(source) => source.stable_end(log),
            None => Some(log.offsets().durable_end),
        }
    }

    /// A segment of a compacted log was closed, or its settings changed.
    pub(crate) fn consider_cleaning(&self, log: &Arc<PartitionLog>) {
        if self.options.cleaner_enable {
            lock(&self.to_clean).insert(log.id(), Arc::downgrade(log));
            self.cleaning.notify_one();
        }
    }

    /// Takes the logs to consider.
    pub(crate) fn take_to_clean(&self) -> Vec<Arc<PartitionLog>> {
        let taken = std::mem::take(&mut *lock(&self.to_clean));
        taken
            .into_values()
            .filter_map(|log| log.upgrade())
            .collect()
    }

    /// Puts logs back that are to be considered again, without waking anybody.
    pub(crate) fn put_to_clean<'a>(&self, logs: impl Iterator<Item = &'a Arc<PartitionLog>>) {
        let mut to_clean = lock(&self.to_clean);
        for log in logs {
            to_clean
                .entry(log.id())
                .or_insert_with(|| Arc::downgrade(log));
        }
    }

    /// Notes that a log has work for a checkpoint.
    pub(crate) fn add_dirty(&self, log: &Arc<PartitionLog>) {
        lock(&self.dirty).insert(log.id(), Arc::downgrade(log));
    }

    pub(crate) fn dirty(&self) -> Vec<Arc<PartitionLog>> {
        lock(&self.dirty)
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// Forgets a log if it is this very one.
    pub(crate) fn remove_dirty(&self, log: &Arc<PartitionLog>) {
        let mut dirty = lock(&self.dirty);
        if dirty
            .get(&log.id())
            .is_some_and(|known| known.as_ptr() == Arc::as_ptr(log))
        {
            dirty.remove(&log.id());
        }
    }

    /// Gives a partition's directory a name of Kafka's form that nobody has: its own, 32 digits,
    /// the suffix; at most 255 bytes. `None` if there is no directory.
    pub(crate) fn rename_aside(
        &self,
        dir_name: &str,
        suffix: &str,
    ) -> Result<Option<String>, FileError> {
        let disk = &*self.env.disk;
        let from = self.layout.partition(dir_name);
        let renamed = loop {
            let (high, low) = (self.env.rng.next_u64(), self.env.rng.next_u64());
            let unique = format!(".{high:016x}{low:016x}{suffix}");
            let kept = dir_name.len().min(255 - unique.len());
            let renamed = format!("{}{unique}", &dir_name[..kept]);
            let path = self.layout.partition(&renamed);
            let taken = disk.exists(&path);
            if !taken.map_err(|e| FileError::new("look for", &path, e))? {
                break renamed;
            }
        };
        match disk.rename(&from, &self.layout.partition(&renamed)) {
            Ok(()) => Ok(Some(renamed)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(FileError::new("rename", &from, e)),
        }
    }

    /// Renames a deleted partition's directory and leaves its removal to the housekeeper. A log
    /// that waits for the name may go on.
    pub(crate) fn rename_for_deletion(&self, dir_name: &str) -> Result<(), FileError> {
        let was = dir_name.to_owned();
        match self.rename_aside(dir_name, "-delete")? {
            Some(renamed) => self.add_deletion(Deletion::Directory {
                renamed,
                was: Some(was),
            }),
            None => self.add_gone(vec![was]),
        }
        self.directory_renamed(dir_name);
        Ok(())
    }

    /// A deleted log never had a directory.
    pub(crate) fn has_no_directory(&self, dir_name: &str) {
        self.add_gone(vec![dir_name.to_owned()]);
        self.directory_renamed(dir_name);
    }

    fn directory_renamed(&self, dir_name: &str) {
        let mut renaming = lock(&self.renaming);
        let Some((under_way, _)) = renaming.get_mut(dir_name) else {
            return;
        };
        *under_way -= 1;
        if *under_way == 0 {
            let waiting = renaming.remove(dir_name).and_then(|(_, waiting)| waiting);
            drop(renaming);
            if let Some(log) = waiting {
                log.directory_is_free();
            }
        }
    }

    /// A partition is being deleted: until its directory is renamed, a log of the same name may
    /// not be written to.
    pub(crate) fn start_renaming(&self, dir_name: &str) {
        lock(&self.renaming)
            .entry(dir_name.to_owned())
            .or_insert((0, None))
            .0 += 1;
    }

    pub(crate) fn wait_if_renaming(&self, log: &Arc<PartitionLog>) {
        if let Some((_, waiting)) = lock(&self.renaming).get_mut(log.dir_name()) {
            log.wait_for_directory();
            *waiting = Some(Arc::clone(log));
        }
    }

    pub(crate) fn add_file_deletion(&self, path: PathBuf) {
        self.add_deletion(Deletion::File(path));
    }

    pub(crate) fn add_deletion(&self, deletion: Deletion) {
        lock(&self.deletions).push(deletion);
        self.housekeeping.notify_one();
    }

    pub(crate) fn take_deletions(&self) -> Vec<Deletion> {
        std::mem::take(&mut *lock(&self.deletions))
    }

    /// Notes partition directories whose old name is durably gone.
    pub(crate) fn add_gone(&self, dir_names: Vec<String>) {
        lock(&self.gone).extend(dir_names);
    }

    pub(crate) fn take_gone(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.gone))
    }

    /// Counts journaled bytes; true once they ask for a checkpoint.
    pub(crate) fn note_journaled(&self, bytes: u64) -> bool {
        let before = self.since_checkpoint.fetch_add(bytes, Ordering::Relaxed);
        before + bytes >= self.options.checkpoint_bytes
    }

    /// Whether so many log files are open that those without unsynced bytes are to be closed.
    pub(crate) fn has_many_open_files(&self) -> bool {
        self.open_files.load(Ordering::Relaxed) > self.options.open_files_max / 2
    }

    pub(crate) fn since_checkpoint(&self) -> u64 {
        self.since_checkpoint.load(Ordering::Relaxed)
    }

    /// A `quorum-memory` log has rolled: its old segment is to be synced.
    pub(crate) fn want_roll_sync(&self) {
        self.roll_sync.store(true, Ordering::Relaxed);
        self.housekeeping.notify_one();
    }

    pub(crate) fn wants_roll_sync(&self) -> bool {
        self.roll_sync.swap(false, Ordering::Relaxed)
    }

    /// The disk was full: a checkpoint is to be tried again.
    pub(crate) fn put_off(&self) {
        self.put_off.store(true, Ordering::Relaxed);
        self.housekeeping.notify_one();
    }

    pub(crate) fn is_put_off(&self) -> bool {
        self.put_off.load(Ordering::Relaxed)
    }

    pub(crate) fn takes_up_again(&self) -> bool {
        self.put_off.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn start_checkpoint_count(&self) {
        self.since_checkpoint.store(0, Ordering::Relaxed);
    }

    /// The writer has written queue entries below `upto`, unless it holds older ones.
    pub(crate) fn note_taken(&self, upto: u64) {
        self.taken.fetch_max(upto, Ordering::Relaxed);
    }

    pub(crate) fn last_taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// How many deletions are about to rename a directory, and the log that waits for its name.
type Renaming = (u32, Option<Arc<PartitionLog>>);

/// Something renamed that is to be removed in the background.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Deletion {
    /// A partition's directory below the root, and the name it had.
    Directory {
        renamed: String,
        was: Option<String>,
    },
    /// A file of a deleted segment.
    File(PathBuf),
}

/// The journal's files: those with operations still needed, and those ready to be used.
#[derive(Debug, Default)]
pub(crate) struct Files {
    inner: Mutex<FilesInner>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct FilesInner {
    /// By sequence, oldest first; the last is the one being written.
    live: VecDeque<(u64, JournalFile)>,
    free: VecDeque<JournalFile>,
    next_slot: u32,
    /// Something was written to the journal since the start.
    in_use: bool,
}

impl Files {
    pub(crate) fn start(&self, current: (u64, JournalFile), free: Vec<JournalFile>) {
        let mut inner = lock(&self.inner);
        let slots = free.iter().map(|file| file.slot).chain([current.1.slot]);
        inner.next_slot = slots.max().map_or(1, |slot| slot + 1);
        inner.live.push_back(current);
        inner.free.extend(free);
    }

    /// Whether a checkpoint should free a file: the journal is used and has no other.
    pub(crate) fn wants_free(&self) -> bool {
        let inner = lock(&self.inner);
        inner.in_use && inner.free.is_empty()
    }

    /// Called by the writer after a write: true once, when a further file is to be prepared.
    pub(crate) fn note_use(&self, at: u64, file_bytes: u64) -> bool {
        /// A start's own records fit below.
        const AT_REST_BYTES: u64 = 256 << 10;
        let is_used = at > AT_REST_BYTES || at * 2 > file_bytes;
        let mut inner = lock(&self.inner);
        let begins = is_used && !inner.in_use;
        inner.in_use |= is_used;
        begins
    }

    pub(crate) fn has_free(&self) -> bool {
        !lock(&self.inner).free.is_empty()
    }

    /// Waits until a file was freed.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Takes a free file of at least `needed` bytes. A need beyond the usual size is met by a
    /// file made for it.
    pub(crate) async fn take_free(
        &self,
        shared: &Shared,
        needed: u64,
        force: bool,
    ) -> Result<Option<JournalFile>, FileError> {
        let unfit = {
            let mut inner = lock(&self.inner);
            if let Some(at) = inner.free.iter().position(|file| file.bytes >= needed) {
                return Ok(inner.free.remove(at));
            }
            let total = inner.live.len() + inner.free.len();
            let unfit = inner.free.pop_front();
            if unfit.is_none()
                && !force
                && (needed <= shared.options.journal_file_bytes
                    || total >= shared.options.journal_files_max)
            {
                return Ok(None);
            }
            unfit
        };
        if let Some(file) = unfit {
            remove(shared, &file)?;
        }
        self.prepare(shared, needed.max(shared.options.journal_file_bytes))
            .await
            .map(Some)
    }

    /// Adds the file the writer goes on in; returns the oldest sequence still needed.
    pub(crate) fn push_live(&self, sequence: u64, file: JournalFile) -> u64 {
        let mut inner = lock(&self.inner);
        inner.live.push_back((sequence, file));
        inner.live.front().map_or(sequence, |oldest| oldest.0)
    }

    /// The sequence of the file being written.
    pub(crate) fn current_sequence(&self) -> u64 {
        lock(&self.inner).live.back().map_or(0, |current| current.0)
    }

    /// Frees the files with sequences below `needed_from`, never the one being written, and says
    /// so in each: recovery reads no file without its header. A file smaller than usual is removed
    /// once there is a better one.
    pub(crate) async fn recycle(
        &self,
        shared: &Shared,
        needed_from: u64,
    ) -> Result<usize, FileError> {
        let mut count = 0;
        while let Some(file) = self.take_covered(needed_from) {
            count += 1;
            let small = file.bytes < shared.options.journal_file_bytes;
            if small && self.has_free() {
                remove(shared, &file)?;
                continue;
            }
            // Only then may the writer have it: its own header must not meet this write.
            file.erase_header().await?;
            lock(&self.inner).free.push_back(file);
            self.freed.notify_one();
        }
        Ok(count)
    }

    fn take_covered(&self, needed_from: u64) -> Option<JournalFile> {
        let mut inner = lock(&self.inner);
        let covered = inner.live.len() > 1 && inner.live[0].0 < needed_from;
        covered.then(|| inner.live.pop_front().map(|live| live.1))?
    }

    /// Makes one more file if none is free and there may be more.
    pub(crate) async fn prepare_ahead(&self, shared: &Shared) -> Result<(), FileError> {
        let wanted = {
            let inner = lock(&self.inner);
            // A node at rest needs none, and its start should not wait for one being filled.
            inner.in_use
                && inner.free.is_empty()
                && inner.live.len() < shared.options.journal_files_max.max(2)
        };
        if wanted {
            let file = self
                .prepare(shared, shared.options.journal_file_bytes)
                .await?;
            lock(&self.inner).free.push_back(file);
            self.freed.notify_one();
        }
        Ok(())
    }

    async fn prepare(&self, shared: &Shared, bytes: u64) -> Result<JournalFile, FileError> {
        let slot = {
            let mut inner = lock(&self.inner);
            inner.next_slot += 1;
            inner.next_slot
        };
        let disk = Arc::clone(&shared.env.disk);
        let dir = shared.layout.journal();
        let made = {
            let (disk, dir) = (Arc::clone(&disk), dir.clone());
            chronik_io::task::blocking(move || JournalFile::prepare(&*disk, &dir, slot, bytes))
                .await?
        };
        made.file
            .sync()
            .await
            .map_err(|e| FileError::new("sync", &made.path, e))?;
        disk.sync_dir(&dir)
            .await
            .map_err(|e| FileError::new("sync", &dir, e))?;
        Ok(made)
    }

    /// Files, bytes of all of them.
    pub(crate) fn usage(&self) -> (usize, usize, u64) {
        let inner = lock(&self.inner);
        let bytes = inner.live.iter().map(|live| live.1.bytes).sum::<u64>()
            + inner.free.iter().map(|file| file.bytes).sum::<u64>();
        (inner.live.len(), inner.free.len(), bytes)
    }
}

fn remove(shared: &Shared, file: &JournalFile) -> Result<(), FileError> {
    shared
        .env
        .disk
        .remove_file(&file.path)
        .map_err(|e| FileError::new("remove", &file.path, e))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
