//! A disk in memory that fails on request and forgets at a crash what was not synced.
//!
//! It outlives the node that uses it: give each incarnation of the node [`SimDisk::incarnation`]
//! (or the disk itself), end it with [`SimDisk::crash`] or [`SimDisk::kill`], and start the next
//! one. Handles and incarnations from before answer EIO and their waits never end, as a dead
//! process sees nothing more.
//!
//! A sync covers what was written before it was called, and that is durable when its future is
//! ready; a future dropped earlier promises nothing. The rules of a crash stand in `content`
//! and `tree`. Everything follows from the calls, the seed and tokio's clock: no threads, no real
//! time, no order that depends on a hash. Absent: permissions, links, symbolic links.

mod content;
mod fault;
mod file;
mod tree;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;
use tokio::sync::Notify;

pub use self::fault::{Counters, Fault, FaultId};
use self::fault::{Faults, matches};
use self::file::SimFile;
use self::tree::{Inode, InodeId, Node, Tree};
use super::{DirEntry, DirLock, Disk, File, IoFuture, OpenMode, Space};
use crate::Rng;

/// The name of the file in a directory that carries the directory's lock.
const LOCK_FILE: &str = ".lock";
/// The longest file, so that a wild position is an error and not the end of the test's memory.
const FILE_MAX: u64 = 16 << 30;
/// Bytes in all where no capacity is set.
const CAPACITY: u64 = 1 << 40;

/// The disk of one simulated host. Cheap to clone; all clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Shared>,
    /// The generation to which this value belongs; `None` is whichever is present.
    generation: Option<u64>,
}

struct Shared {
    state: Mutex<State>,
    /// Woken when a fault heals and when the disk stops.
    changed: Notify,
}

struct State {
    tree: Tree,
    faults: Faults,
    capacity: Option<u64>,
    /// Draws the durations of slow syncs.
    rng: Rng,
    /// Counts crashes and kills.
    generation: u64,
    /// Locked directories and their lock's number.
    locks: BTreeMap<InodeId, u64>,
    last_lock: u64,
    /// Operations that change something or wait for it to be durable.
    ops: u64,
    stop_at: Option<u64>,
    stopped: bool,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimDisk")
    }
}

/// Control: what a test or simulation does to the disk.
impl SimDisk {
    /// An empty disk without faults or limits.
    #[must_use]
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// As [`SimDisk::new`], with the seed of the durations of slow syncs.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let state = State {
            tree: Tree::new(),
            faults: Faults::default(),
            capacity: None,
            rng: Rng::seeded(seed),
            generation: 0,
            locks: BTreeMap::new(),
            last_lock: 0,
            ops: 0,
            stop_at: None,
            stopped: false,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
            generation: None,
        }
    }

    /// The disk as the present incarnation of a node sees it: it fails after the next crash, even
    /// for a destructor that only then runs.
    #[must_use]
    pub fn incarnation(&self) -> Arc<dyn Disk> {
        Arc::new(Self {
            shared: Arc::clone(&self.shared),
            generation: Some(self.lock().generation),
        })
    }

    /// Cuts the power: each thing not synced is kept, lost or torn as `rng` decides.
    pub fn crash(&self, rng: &Rng) {
        let mut state = self.lock();
        state.end_incarnation();
        state.tree.crash(Some(rng));
        state.tree.close_handles();
        for (_, content) in state.tree.files() {
            content.crash(rng);
        }
    }

    /// Cuts the power, and nothing survives but what was synced.
    pub fn crash_losing_unsynced(&self) {
        let mut state = self.lock();
        state.end_incarnation();
        state.tree.crash(None);
        state.tree.close_handles();
        for (_, content) in state.tree.files() {
            content.lose_pending();
        }
    }

    /// Kills the process: the page cache survives, still unsynced.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.end_incarnation();
        state.tree.close_handles();
    }

    /// Lets `fault` strike every path that `pattern` matches, from now until it is healed. In a
    /// pattern `*` stands for any characters, slashes included.
    pub fn inject(&self, pattern: &str, fault: Fault) -> FaultId {
        self.lock().faults.inject(pattern, fault, None)
    }

    /// As [`SimDisk::inject`], for so many operations.
    pub fn inject_times(&self, pattern: &str, fault: Fault, times: u64) -> FaultId {
        self.lock().faults.inject(pattern, fault, Some(times))
    }

    /// Ends one fault.
    pub fn heal(&self, fault: FaultId) {
        self.lock().faults.heal(fault);
        self.shared.changed.notify_waiters();
    }

    /// Ends all faults and lifts the capacity. Bit rot stays.
    pub fn heal_all(&self) {
        let mut state = self.lock();
        state.faults.heal_all();
        state.capacity = None;
        drop(state);
        self.shared.changed.notify_waiters();
    }

    /// Bytes the files may take in all; a write that needs more fails with ENOSPC after the part
    /// that fits.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    /// Flips a bit of what the medium holds. It stays until that place is written and synced.
    /// False where the medium holds nothing.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u32) -> bool {
        let tree = &mut self.lock().tree;
        match tree.resolve(path).map(|id| &mut tree.inode(id).node) {
            Ok(Node::File(content)) => content.flip_bit(offset, bit),
            _ => false,
        }
    }

    /// Drops the clean pages of all files that match: reads see the medium again, and the next one
    /// waits for it.
    pub fn evict(&self, pattern: &str) {
        for (path, content) in self.lock().tree.files() {
            if matches(pattern, &path.to_string_lossy()) {
                content.evict();
            }
        }
    }

    /// What was asked of the files and directories that match, also of those removed since.
    #[must_use]
    pub fn counters(&self, pattern: &str) -> Counters {
        let state = self.lock();
        let mut sum = Counters::default();
        let present = state
            .tree
            .inodes()
            .map(|inode| (&inode.path, &inode.counters));
        for (path, counters) in present.chain(state.tree.gone()) {
            if matches(pattern, &path.to_string_lossy()) {
                sum.add(counters);
            }
        }
        sum
    }

    /// Writes, syncs, changes of length and of names so far: what [`SimDisk::crash_after_ops`]
    /// counts. A commit is two.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.lock().ops
    }

    /// Stops the disk at the `ops`th operation from now: that one fails or hangs, though it may
    /// have had its effect, and so does every later one until a crash.
    pub fn crash_after_ops(&self, ops: u64) {
        let mut state = self.lock();
        state.stop_at = Some(state.ops + ops.max(1));
    }

    /// Whether the disk came to the operation that [`SimDisk::crash_after_ops`] set.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Ready when the disk has stopped.
    pub async fn stopped(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if self.is_stopped() {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// The state, if this value's incarnation lives.
    fn live(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        let stale = self.generation.is_some_and(|g| g != state.generation);
        if stale || state.stopped {
            return Err(Errno::IO.into());
        }
        Ok(state)
    }

    /// Changes names: one operation if anything changed.
    fn change(&self, change: impl FnOnce(&mut Tree) -> io::Result<bool>) -> io::Result<()> {
        let mut state = self.live()?;
        if change(&mut state.tree)? {
            self.shared.count_op(&mut state)?;
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let new = mode == OpenMode::CreateNew;
        let create = new || mode == OpenMode::CreateOrOpen;
        let mut state = self.live()?;
        let (inode, made) = state.tree.open(path, create, new)?;
        if made {
            self.shared.count_op(&mut state)?;
        }
        let generation = state.generation;
        let opened = state.tree.inode(inode);
        opened.handles += 1;
        Ok(Arc::new(SimFile {
            shared: Arc::clone(&self.shared),
            generation,
            inode,
            writable: mode != OpenMode::Read,
            failed_syncs_seen: Arc::new(AtomicU64::new(opened.failed_syncs)),
        }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.change(|tree| tree.create_dir_all(path))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(|tree| tree.remove_file(path).map(|()| true))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.change(|tree| tree.remove_dir(path).map(|()| true))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|tree| tree.rename(from, to))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.live()?;
        let entries = state.tree.list(path)?.into_iter();
        Ok(entries
            .map(|(name, inode)| match &inode.node {
                Node::File(content) => DirEntry {
                    name,
                    is_dir: false,
                    len: content.len(),
                },
                Node::Dir(_) => DirEntry {
                    name,
                    is_dir: true,
                    len: 0,
                },
            })
            .collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.live()?.tree.resolve(path).is_ok())
    }

    fn sync_dir(&self, path: &Path) -> IoFuture<()> {
        let Ok(state) = self.live() else {
            return Box::pin(std::future::pending());
        };
        // Listing says whether it is a directory.
        let found = state.tree.list(path).map(drop);
        let inode = match found.and_then(|()| state.tree.resolve(path)) {
            Ok(inode) => inode,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let upto = state.tree.snapshot();
        self.shared.sync(state, inode, move |state, fails| {
            if fails {
                return Err(Errno::IO.into());
            }
            state.tree.make_durable(inode, upto);
            Ok(())
        })
    }

    fn lock_dir(&self, path: &Path) -> io::Result<Box<dyn DirLock>> {
        // Also what makes sure that it is a directory.
        drop(self.open(&path.join(LOCK_FILE), OpenMode::CreateOrOpen)?);
        let mut state = self.live()?;
        let directory = state.tree.resolve(path)?;
        if state.locks.contains_key(&directory) {
            return Err(Errno::AGAIN.into());
        }
        state.last_lock += 1;
        let number = state.last_lock;
        state.locks.insert(directory, number);
        Ok(Box::new(SimLock {
            disk: self.clone(),
            directory,
            number,
        }))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let state = self.live()?;
        state.tree.resolve(path)?;
        let total = state.capacity.unwrap_or(CAPACITY);
        let available = total.saturating_sub(state.used());
        Ok(Space { available, total })
    }

    fn kind(&self, path: &Path) -> Option<&'static str> {
        self.live().ok()?.tree.resolve(path).ok()?;
        Some("sim")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation whose effect is in memory; an error if the disk stops at it.
    fn count_op(&self, state: &mut State) -> io::Result<()> {
        state.ops += 1;
        if state.stop_at == Some(state.ops) {
            state.stopped = true;
            self.changed.notify_waiters();
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    /// Begins a sync of `inode` at once; the future ends it with `finish`, which is told whether
    /// it fails.
    fn sync(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        inode: InodeId,
        finish: impl FnOnce(&mut State, bool) -> io::Result<()> + Send + 'static,
    ) -> IoFuture<()> {
        let shared = Arc::clone(self);
        let generation = state.generation;
        let State { tree, faults, .. } = &mut *state;
        let inode = tree.inode(inode);
        inode.counters.syncs += 1;
        let path = inode.path.clone();
        let hung = faults.strike(Fault::HungSync, &path);
        let delay = state.sync_delay(&path);
        if self.count_op(&mut state).is_err() {
            return Box::pin(std::future::pending());
        }
        drop(state);
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            loop {
                let changed = shared.changed.notified();
                {
                    let mut state = shared.lock();
                    let dead = state.generation != generation || state.stopped;
                    if !dead && !hung.is_some_and(|fault| state.faults.is_active(fault)) {
                        let fails = state.faults.strike(Fault::SyncError, &path).is_some();
                        return finish(&mut state, fails);
                    }
                }
                changed.await;
            }
        })
    }
}

impl State {
    fn end_incarnation(&mut self) {
        self.generation += 1;
        self.locks.clear();
        self.stop_at = None;
        self.stopped = false;
    }

    fn used(&self) -> u64 {
        self.tree.inodes().map(Inode::allocated).sum()
    }

    fn sync_delay(&mut self, path: &Path) -> Duration {
        let Some((min, max)) = self.faults.delay(path) else {
            return Duration::ZERO;
        };
        let spread = u64::try_from(max.saturating_sub(min).as_nanos()).unwrap_or(u64::MAX);
        min + Duration::from_nanos(self.rng.below(spread.saturating_add(1)))
    }

    /// Bytes by which the file may grow before the disk is full.
    fn room(&self) -> u64 {
        // Adding up all files is only worth it where the disk has an end.
        self.capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    fn write(&mut self, inode: InodeId, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        let asked: u64 = bufs.iter().map(|buf| buf.len() as u64).sum();
        check_len(offset.saturating_add(asked))?;
        let room = self.room();
        let Self { tree, faults, .. } = self;
        let inode = tree.inode(inode);
        inode.counters.writes += 1;
        if faults.strike(Fault::WriteError, &inode.path).is_some() {
            return Err(Errno::IO.into());
        }
        let mut left = asked;
        let mut result = Ok(());
        if faults.strike(Fault::ShortWrite, &inode.path).is_some() {
            left = asked / 2;
            result = Err(io::ErrorKind::WriteZero.into());
        }
        let content = inode.content();
        let lacking = (offset + left)
            .saturating_sub(content.allocated())
            .saturating_sub(room);
        if lacking > 0 {
            left = left.saturating_sub(lacking);
            result = Err(Errno::NOSPC.into());
        }
        let mut at = offset;
        for buf in bufs {
            let taken = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
            content.write(buf.slice(..taken), at);
            at += taken as u64;
            left -= taken as u64;
        }
        inode.counters.bytes_written += at - offset;
        result
    }
}

/// Gone with the incarnation, or when dropped.
#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    directory: InodeId,
    number: u64,
}

impl DirLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let locks = &mut self.disk.lock().locks;
        // Numbers are never used again: what a later incarnation locked stays locked.
        if locks.get(&self.directory) == Some(&self.number) {
            locks.remove(&self.directory);
        }
    }
}

fn check_len(len: u64) -> io::Result<()> {
    if len > FILE_MAX {
        return Err(Errno::FBIG.into());
    }
    Ok(())
}
