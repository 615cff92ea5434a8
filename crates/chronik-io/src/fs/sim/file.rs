//! An open file of a simulated disk.
//!
//! Keeps: a handle from before a crash or kill neither sees nor changes anything; a sync covers
//! what was written before it was called. Absent: what the file holds (`content`) and how a write
//! fails (the disk's state knows its faults and its room).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use rustix::io::Errno;

use super::fault::Fault;
use super::tree::InodeId;
use super::{Shared, State, check_len};
use crate::fs::{File, IoFuture};

/// An open file of one incarnation.
pub(super) struct SimFile {
    pub(super) shared: Arc<Shared>,
    pub(super) generation: u64,
    pub(super) inode: InodeId,
    pub(super) writable: bool,
    /// Shared with syncs in flight, which may outlive the handle.
    pub(super) failed_syncs_seen: Arc<AtomicU64>,
}

impl std::fmt::Debug for SimFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimFile({})", self.inode)
    }
}

impl SimFile {
    fn live(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.shared.lock();
        if self.generation != state.generation || state.stopped {
            return Err(Errno::IO.into());
        }
        Ok(state)
    }

    /// The state for a change; `refused` is the platform's error for a handle that only reads.
    fn live_writable(&self, refused: Errno) -> io::Result<MutexGuard<'_, State>> {
        let state = self.live()?;
        if self.writable {
            Ok(state)
        } else {
            Err(refused.into())
        }
    }

    fn sync_from(&self, mut state: MutexGuard<'_, State>) -> IoFuture<()> {
        let inode = self.inode;
        let upto = state.tree.inode(inode).content().snapshot();
        let seen = Arc::clone(&self.failed_syncs_seen);
        self.shared.sync(state, inode, move |state, fails| {
            // Removed and closed meanwhile: nobody can tell any more.
            let Some(inode) = state.tree.find(inode) else {
                return Ok(());
            };
            if fails {
                inode.failed_syncs += 1;
                inode.content().drop_dirty(upto);
            } else {
                inode.content().make_durable(upto);
            }
            // A failure is reported once to each handle that was open when it happened.
            let failed = inode.failed_syncs;
            if seen.swap(failed, Ordering::Relaxed) < failed {
                return Err(Errno::IO.into());
            }
            Ok(())
        })
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.live()?;
        let State { tree, faults, .. } = &mut *state;
        let inode = tree.inode(self.inode);
        inode.counters.reads += 1;
        if faults.strike(Fault::ReadError, &inode.path).is_some() {
            return Err(Errno::IO.into());
        }
        let read = inode.content().read(buf, offset);
        inode.counters.bytes_read += read as u64;
        Ok(read)
    }

    fn read_resident(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        if !self.live()?.tree.inode(self.inode).content().is_resident() {
            return Ok(None);
        }
        self.read_at(buf, offset).map(Some)
    }

    fn write_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        let mut state = self.live_writable(Errno::BADF)?;
        state.write(self.inode, bufs, offset)?;
        self.shared.count_op(&mut state)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.live()?.tree.inode(self.inode).content().len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.live_writable(Errno::INVAL)?;
        check_len(len)?;
        state.tree.inode(self.inode).content().set_len(len);
        self.shared.count_op(&mut state)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let mut state = self.live_writable(Errno::BADF)?;
        check_len(len)?;
        let room = state.room();
        let content = state.tree.inode(self.inode).content();
        if len.saturating_sub(content.allocated()) > room {
            return Err(Errno::NOSPC.into());
        }
        content.allocate(len);
        self.shared.count_op(&mut state)
    }

    fn start_writeback(&self, _offset: u64, _len: u64) {}

    fn sync(&self) -> IoFuture<()> {
        match self.live() {
            Ok(state) => self.sync_from(state),
            Err(_) => Box::pin(std::future::pending()),
        }
    }

    fn commit(&self, bufs: Vec<Bytes>, offset: u64) -> IoFuture<()> {
        let Ok(mut state) = self.live() else {
            return Box::pin(std::future::pending());
        };
        if !self.writable {
            return Box::pin(std::future::ready(Err(Errno::BADF.into())));
        }
        if let Err(error) = state.write(self.inode, &bufs, offset) {
            return Box::pin(std::future::ready(Err(error)));
        }
        match self.shared.count_op(&mut state) {
            Ok(()) => self.sync_from(state),
            Err(_) => Box::pin(std::future::pending()),
        }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // A crash has already closed the handles of its incarnation.
        if self.generation == state.generation {
            state.tree.inode(self.inode).handles -= 1;
        }
    }
}
