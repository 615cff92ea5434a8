//! The log as openraft sees it: memory for reading, a queue to the writer for everything else.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chronik_controller::codec::Writer;
use chronik_io::Env;
use chronik_io::fs::Disk;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::{mpsc, oneshot};

use super::frame::Item;
use super::memory::Memory;
use super::recovery::{io_error, recover};
use super::writer::{Command, LogWriter, Progress};
use crate::error::RaftStartError;
use crate::types::{Entry, LogId, TypeConfig, Vote};

/// The Raft log. Cheap to clone; the writer ends when the last clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    memory: Arc<Mutex<Memory>>,
    commands: mpsc::UnboundedSender<Command>,
    progress: Arc<Progress>,
}

/// How many bytes an entry takes in the log.
pub(crate) fn entry_len(entry: &Entry) -> usize {
    let mut w = Writer::default();
    crate::wire::write_entry(&mut w, entry);
    w.bytes.len()
}

/// Makes the directory and makes its name durable, and those of the parents it needed.
async fn make_dir(disk: &dyn Disk, dir: &Path) -> Result<(), RaftStartError> {
    let mut parents = Vec::new();
    let mut child = dir;
    while let Some(parent) = child.parent() {
        parents.push(parent);
        if parent.as_os_str().is_empty()
            || disk.exists(parent).map_err(io_error("look at", parent))?
        {
            break;
        }
        child = parent;
    }
    disk.create_dir_all(dir).map_err(io_error("make", dir))?;
    for parent in parents {
        // A relative path's last parent is empty and means the working directory.
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        disk.sync_dir(parent)
            .await
            .map_err(io_error("sync", parent))?;
    }
    Ok(())
}

impl LogStore {
    /// Reads what is in `dir` and starts the writer.
    pub(crate) async fn open(
        env: &Env,
        dir: PathBuf,
        segment_bytes: u64,
    ) -> Result<Self, RaftStartError> {
        make_dir(env.disk.as_ref(), &dir).await?;
        let mut recovered = recover(env.disk.as_ref(), &dir).await?;
        let memory = std::mem::take(&mut recovered.memory);
        recovered.memory.vote = memory.vote;
        recovered.memory.committed = memory.committed;
        recovered.memory.purged = memory.purged;
        let progress = Arc::new(Progress::default());
        let last = memory.last().map_or(0, |id| id.index + 1);
        progress
            .persisted
            .store(last, std::sync::atomic::Ordering::Release);
        let writer = LogWriter::new(env.clone(), dir, segment_bytes, progress.clone(), recovered);
        let (commands, queue) = mpsc::unbounded_channel();
        chronik_io::task::spawn_owner(&env.exit, "raft log writer", writer.run(queue));
        Ok(Self {
            memory: Arc::new(Mutex::new(memory)),
            commands,
            progress,
        })
    }

    /// How far the writer is.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Waits until everything so far is durable, the committed index too.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        let (done, durable) = oneshot::channel();
        self.send(Command::Flush(done))?;
        durable.await.map_err(|_| writer_gone())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, command: Command) -> io::Result<()> {
        self.commands.send(command).map_err(|_| writer_gone())
    }
}

fn writer_gone() -> io::Error {
    io::Error::other("the writer of the metadata log is gone")
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        Ok(self.memory().range(&range))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.memory().vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        Ok(self.memory().limited(start, end))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let memory = self.memory();
        Ok(LogState {
            last_purged_log_id: memory.purged,
            last_log_id: memory.last(),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (done, durable) = oneshot::channel();
        self.memory().vote = Some(*vote);
        self.send(Command::Vote(*vote, done))?;
        durable.await.map_err(|_| writer_gone())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.memory().committed = committed;
        self.send(Command::Committed(committed))
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.memory().committed)
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut w = Writer::default();
        let mut last = None;
        {
            let mut memory = self.memory();
            for entry in entries {
                let before = w.bytes.len();
                let item = Item::Entry(entry.clone());
                item.write(&mut w);
                last = Some(entry.log_id);
                if !memory.continues(&entry) {
                    return Err(io::Error::other(format!(
                        "entry {} does not follow the one before it",
                        entry.log_id
                    )));
                }
                memory.push(entry, w.bytes.len() - before);
            }
        }
        match last {
            Some(last) => self.send(Command::Append {
                items: w.bytes.into(),
                last,
                flushed,
            }),
            None => {
                flushed.io_completed(Ok(()));
                Ok(())
            }
        }
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.memory().truncate_after(last);
        self.send(Command::Truncate(last))
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.memory().purge(upto);
        self.send(Command::Purge(upto))
    }
}
