//! The one task that writes the log.
//!
//! It takes everything that is queued, writes it as one batch, syncs once, and only then tells who
//! waits. A write or sync that fails ends the process: nobody may believe anything after it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chronik_controller::codec::Writer;
use chronik_io::fs::OpenMode;
use chronik_io::{Env, ExitCode};
use openraft::storage::IOFlushed;
use tokio::sync::{mpsc, oneshot};

use super::frame::{BATCH_HEADER_LEN, HEADER_LEN, Item, batch_header, file_header};
use super::recovery::{Recovered, Segment, Tail, segment_path};
use crate::types::{LogId, TypeConfig, Vote};

/// What the writer is asked for.
pub(crate) enum Command {
    Vote(Vote, oneshot::Sender<()>),
    Append {
        items: Bytes,
        last: LogId,
        flushed: IOFlushed<TypeConfig>,
    },
    /// Goes with the next batch: by itself it is not worth a sync.
    Committed(Option<LogId>),
    Truncate(Option<LogId>),
    Purge(LogId),
    /// Answers when everything before it is durable.
    Flush(oneshot::Sender<()>),
}

/// What others may know of the writer.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// One more than the greatest index that is durable; 0 for none.
    pub(crate) persisted: AtomicU64,
    /// Bytes of entries since the start.
    pub(crate) bytes: AtomicU64,
}

pub(crate) struct LogWriter {
    env: Env,
    dir: PathBuf,
    segment_bytes: u64,
    progress: Arc<Progress>,
    closed: VecDeque<Segment>,
    tail: Option<Tail>,
    capacity: u64,
    next_batch: u64,
    next_sequence: u64,
    // What a new segment starts with, so that older ones can go.
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    committed_is_new: bool,
}

/// A batch in the making.
#[derive(Default)]
struct Gathered {
    body: Writer,
    max_index: Option<u64>,
    purge: bool,
    flushed: Vec<(IOFlushed<TypeConfig>, LogId)>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl LogWriter {
    pub(crate) fn new(
        env: Env,
        dir: PathBuf,
        segment_bytes: u64,
        progress: Arc<Progress>,
        recovered: Recovered,
    ) -> Self {
        Self {
            env,
            dir,
            segment_bytes,
            progress,
            closed: recovered.closed.into(),
            capacity: 0,
            tail: recovered.tail,
            next_batch: recovered.next_batch,
            next_sequence: recovered.next_sequence,
            vote: recovered.memory.vote,
            committed: recovered.memory.committed,
            purged: recovered.memory.purged,
            committed_is_new: false,
        }
    }

    /// Runs until every sender is gone and everything is written.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        while let Some(command) = commands.recv().await {
            let mut gathered = Gathered::default();
            self.gather(command, &mut gathered);
            while let Ok(command) = commands.try_recv() {
                self.gather(command, &mut gathered);
            }
            if gathered.body.bytes.is_empty() && gathered.waiting.is_empty() {
                continue;
            }
            if let Err(error) = self.write(&mut gathered).await {
                let reason = format!("cannot write the metadata log: {error}");
                self.env.exit.fatal(ExitCode::Storage, &reason).await;
            }
            self.finish(gathered);
        }
    }

    fn gather(&mut self, command: Command, gathered: &mut Gathered) {
        let body = &mut gathered.body;
        match command {
            Command::Vote(vote, done) => {
                Item::Vote(vote).write(body);
                self.vote = Some(vote);
                gathered.waiting.push(done);
            }
            Command::Append {
                items,
                last,
                flushed,
            } => {
                self.progress
                    .bytes
                    .fetch_add(items.len() as u64, Ordering::Relaxed);
                body.bytes.extend_from_slice(&items);
                gathered.max_index = gathered.max_index.max(Some(last.index));
                gathered.flushed.push((flushed, last));
            }
            Command::Committed(id) => {
                self.committed = id;
                self.committed_is_new = true;
            }
            Command::Truncate(last) => Item::Truncate(last).write(body),
            Command::Purge(upto) => {
                Item::Purge(upto).write(body);
                self.purged = self.purged.max(Some(upto));
                gathered.purge = true;
            }
            Command::Flush(done) => gathered.waiting.push(done),
        }
    }

    async fn write(&mut self, gathered: &mut Gathered) -> std::io::Result<()> {
        if self.committed_is_new {
            self.committed_is_new = false;
            Item::Committed(self.committed).write(&mut gathered.body);
        }
        if gathered.body.bytes.is_empty() {
            return Ok(());
        }
        let body = Bytes::from(std::mem::take(&mut gathered.body.bytes));
        let len = (BATCH_HEADER_LEN + body.len()) as u64;
        let mut bufs = Vec::with_capacity(5);
        let is_full = self
            .tail
            .as_ref()
            .is_none_or(|tail| tail.end + len > self.segment_bytes.max(self.capacity));
        if is_full {
            self.roll(len, &mut bufs).await?;
        }
        let header = batch_header(self.next_batch, &body);
        bufs.extend([header, body]);
        let tail = self.tail.as_mut().expect("rolling makes one");
        let end = tail.end;
        tail.end += bufs.iter().map(|buf| buf.len() as u64).sum::<u64>();
        tail.segment.max_index = tail.segment.max_index.max(gathered.max_index);
        let file = tail.file.clone();
        self.next_batch += 1;
        file.commit(bufs, end).await?;
        if is_full {
            // The name counts once something in the file does.
            self.env.disk.sync_dir(&self.dir).await?;
        }
        Ok(())
    }

    /// Begins a new segment with the state so far. Its first bytes go out with the next batch.
    async fn roll(&mut self, len: u64, bufs: &mut Vec<Bytes>) -> std::io::Result<()> {
        let sequence = self.next_sequence;
        let path = segment_path(&self.dir, sequence);
        let file = self.env.disk.open(&path, OpenMode::CreateNew)?;
        let mut state = Writer::default();
        if let Some(purged) = self.purged {
            Item::Purge(purged).write(&mut state);
        }
        if let Some(vote) = self.vote {
            Item::Vote(vote).write(&mut state);
        }
        if self.committed.is_some() {
            Item::Committed(self.committed).write(&mut state);
        }
        let state = Bytes::from(state.bytes);
        let first = (HEADER_LEN + BATCH_HEADER_LEN + state.len()) as u64;
        self.capacity = self.segment_bytes.max(first + len);
        match file.allocate(self.capacity) {
            Err(error) if error.kind() != std::io::ErrorKind::Unsupported => return Err(error),
            _ => {}
        }
        bufs.push(file_header(sequence));
        bufs.push(batch_header(self.next_batch, &state));
        bufs.push(state);
        self.next_batch += 1;
        self.next_sequence += 1;
        let new = Tail {
            file,
            segment: Segment {
                sequence,
                path,
                max_index: None,
            },
            end: 0,
        };
        if let Some(old) = self.tail.replace(new) {
            self.closed.push_back(old.segment);
        }
        Ok(())
    }

    fn finish(&mut self, gathered: Gathered) {
        for (flushed, last) in gathered.flushed {
            self.progress
                .persisted
                .store(last.index + 1, Ordering::Release);
            tracing::trace!(target: "chronik::metadata", index = last.index, step = "persist");
            flushed.io_completed(Ok(()));
        }
        for done in gathered.waiting {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
        if gathered.purge {
            self.drop_purged();
        }
    }

    /// Removes the oldest segments as long as nothing in them is needed.
    fn drop_purged(&mut self) {
        while self.closed.front().is_some_and(|segment| {
            segment
                .max_index
                .is_none_or(|max| self.purged.is_some_and(|purged| max <= purged.index))
        }) {
            let Some(segment) = self.closed.pop_front() else {
                return;
            };
            if let Err(error) = self.env.disk.remove_file(&segment.path) {
                // It only takes room; the next start tries again.
                tracing::warn!(
                    "cannot remove segment {} of the metadata log: {error}",
                    segment.sequence
                );
                self.closed.push_front(segment);
                return;
            }
        }
    }
}
