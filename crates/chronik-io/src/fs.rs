//! Files. [`Disk`] and [`File`] are what a node sees; [`RealDisk`] and, in simulation, `SimDisk`
//! stand behind them and pass one conformance suite.
//!
//! Reads and page-cache writes are synchronous calls; whatever waits for stable storage
//! ([`File::sync`], [`File::commit`], [`Disk::sync_dir`]) is a future, because it runs on a thread
//! of its own in the real world and in virtual time in the simulated one.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use chronik_types::Timestamp;

mod pool;
mod real;
#[cfg(any(feature = "sim", feature = "sim-disk"))]
pub mod sim;

pub use real::RealDisk;
#[cfg(any(feature = "sim", feature = "sim-disk"))]
pub use sim::SimDisk;

/// A wait for stable storage. Dropping it does not undo what was asked for.
pub type IoFuture<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'static>>;

/// How [`Disk::open`] opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// For reading and writing; made empty (mode 0640) if it is not there.
    CreateOrOpen,
    /// For reading and writing; must not exist yet.
    CreateNew,
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DirEntry {
    /// The name without its directory.
    pub name: String,
    /// Whether it is a directory itself.
    pub is_dir: bool,
    /// Bytes; 0 for a directory.
    pub len: u64,
}

/// Room on the filesystem that holds a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Bytes an unprivileged process may still write.
    pub available: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Held while this process owns a directory; released when dropped or when the process dies.
pub trait DirLock: Debug + Send + Sync {}

/// A filesystem. Names become durable by [`Disk::sync_dir`] of their directory, contents by
/// [`File::sync`]; a crash may keep or lose anything else.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens a file. Errors as the operating system's.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Makes a directory and its parents (mode 0750); fine if it exists.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Unlinks a file; open handles go on working.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames, replacing a file at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Whether a file or directory is there.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> IoFuture<()>;
    /// Takes the exclusive lock of a directory; `WouldBlock` when another process has it.
    fn lock_dir(&self, path: &Path) -> io::Result<Box<dyn DirLock>>;
    /// How full the filesystem is.
    fn space(&self, path: &Path) -> io::Result<Space>;
    /// The filesystem's kind, such as `ext4`, `tmpfs` or `nfs`, where it is known.
    fn kind(&self, path: &Path) -> Option<&'static str>;
}

/// An open file. All methods take positions: there is no cursor to share.
pub trait File: Debug + Send + Sync + 'static {
    /// Reads up to `buf.len()` bytes; less only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// [`File::read_at`] if it need not wait for the device, else `None`, with `buf` in any state:
    /// the caller then reads where it may block.
    fn read_resident(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        self.read_at(buf, offset).map(Some)
    }
    /// Writes all of `bufs`, one after the other, into the page cache, with as few system calls
    /// as the platform allows. On an error an unknown part was written.
    fn write_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// When it was last written, by the wall clock, to the second; `None` where that is not known.
    fn modified(&self) -> Option<Timestamp> {
        None
    }
    /// Cuts or extends (with zeros) to a length.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves blocks so that writing within `len` cannot run out of space. A shorter file
    /// becomes `len` long, reading as zeros.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Starts writing dirty pages of a range back, without waiting and without any promise.
    fn start_writeback(&self, offset: u64, len: u64);
    /// `fdatasync`: what was written before the call is durable when the future is ready. It runs
    /// off the caller's thread. After an error nothing written since the last success may be
    /// believed, and the caller ends the process for what it covers (DESIGN: fsync is fatal).
    fn sync(&self) -> IoFuture<()>;
    /// [`File::write_at`] and then [`File::sync`], both off the caller's thread.
    fn commit(&self, bufs: Vec<Bytes>, offset: u64) -> IoFuture<()>;
}

/// Reads exactly `len` bytes at `offset`, or fewer at the end of the file.
pub fn read_up_to(file: &dyn File, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut buf = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut buf[filled..], offset + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    buf.truncate(filled);
    Ok(buf.into())
}
