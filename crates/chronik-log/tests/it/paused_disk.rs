//! A real disk on which a reader can be held just before it opens an index.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

use chronik_io::fs::{DirEntry, DirLock, Disk, File, IoFuture, OpenMode, RealDisk, Space};

/// Told when the reader has come, and what it then waits for.
pub(crate) type Hold = (tokio::sync::oneshot::Sender<()>, mpsc::Receiver<()>);

#[derive(Debug, Default)]
pub(crate) struct PausedDisk {
    inner: RealDisk,
    hold: Mutex<Option<Hold>>,
}

impl PausedDisk {
    /// Holds the next reader of an index.
    pub(crate) fn hold_next(&self, hold: Hold) {
        *self.hold.lock().unwrap() = Some(hold);
    }
}

impl Disk for PausedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let is_index = path.extension().is_some_and(|suffix| suffix == "index");
        if is_index && mode == OpenMode::Read {
            let held = self.hold.lock().unwrap().take();
            if let Some((came, go_on)) = held {
                came.send(()).unwrap();
                go_on.recv().unwrap();
            }
        }
        self.inner.open(path, mode)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.inner.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.inner.exists(path)
    }

    fn sync_dir(&self, path: &Path) -> IoFuture<()> {
        self.inner.sync_dir(path)
    }

    fn lock_dir(&self, path: &Path) -> io::Result<Box<dyn DirLock>> {
        self.inner.lock_dir(path)
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.inner.space(path)
    }

    fn kind(&self, path: &Path) -> Option<&'static str> {
        self.inner.kind(path)
    }
}
