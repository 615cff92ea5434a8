//! A disk that says "synced" and has not: what a node on it loses, the checker must find.
//!
//! Only files whose path contains a given word are lied about, so that the node comes up again.

use std::future::ready;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chronik_io::fs::{DirEntry, DirLock, Disk, File, IoFuture, OpenMode, Space};

/// A disk in front of another one.
#[derive(Debug)]
pub(crate) struct LyingDisk {
    pub(crate) honest: Arc<dyn Disk>,
    /// What the paths of the files contain that are never made durable.
    pub(crate) about: &'static str,
}

impl Disk for LyingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = self.honest.open(path, mode)?;
        if path.to_string_lossy().contains(self.about) {
            return Ok(Arc::new(LyingFile(file)));
        }
        Ok(file)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.honest.create_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.honest.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.honest.remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.honest.rename(from, to)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.honest.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.honest.exists(path)
    }

    fn sync_dir(&self, path: &Path) -> IoFuture<()> {
        self.honest.sync_dir(path)
    }

    fn lock_dir(&self, path: &Path) -> io::Result<Box<dyn DirLock>> {
        self.honest.lock_dir(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.honest.space(path)
    }

    fn kind(&self, path: &Path) -> Option<&'static str> {
        self.honest.kind(path)
    }
}

#[derive(Debug)]
struct LyingFile(Arc<dyn File>);

impl File for LyingFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn read_resident(&self, buf: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        self.0.read_resident(buf, offset)
    }

    fn write_at(&self, bufs: &[Bytes], offset: u64) -> io::Result<()> {
        self.0.write_at(bufs, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.allocate(len)
    }

    fn start_writeback(&self, offset: u64, len: u64) {
        self.0.start_writeback(offset, len);
    }

    fn sync(&self) -> IoFuture<()> {
        Box::pin(ready(Ok(())))
    }

    fn commit(&self, bufs: Vec<Bytes>, offset: u64) -> IoFuture<()> {
        Box::pin(ready(self.0.write_at(&bufs, offset)))
    }
}
