//! Where operations gather while the previous window is being synced.
//!
//! Entries of one partition are pushed under that partition's lock, so their order here is the
//! order of their operation numbers. Lock order: partition, then queue. Absent: any limit that
//! refuses. Callers wait for room ([`Queue::has_room`]) before they take bytes from a client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};

use super::record::Record;
use crate::log::PartitionLog;

/// One operation on its way into the journal.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) log: Arc<PartitionLog>,
    /// 0 for records without a number.
    pub(crate) operation: u64,
    pub(crate) record: Record,
    /// Told once the record is durable and what follows from it was done.
    pub(crate) done: Option<oneshot::Sender<()>>,
    /// Counts every entry ever queued; set by [`Queue::push`].
    pub(crate) index: u64,
}

/// What the writer finds.
pub(crate) enum Next {
    /// At least one entry.
    Window(Vec<Entry>),
    /// A checkpoint begins: whoever asked waits for the next file, or for the sender to go.
    Switch(Vec<oneshot::Sender<()>>),
    /// Nothing came within the given time.
    Idle,
    /// Closed and empty.
    Closed,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    next_file: Vec<oneshot::Sender<()>>,
    queued: u64,
    bytes: u64,
    /// The writer has no file to go on in.
    pressed: bool,
    closed: bool,
}

/// The operations waiting for the next window.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    work: Notify,
    room: Notify,
    /// How many entries, in the order they were queued, are durable.
    durable: watch::Sender<u64>,
    pending_bytes_max: u64,
}

impl Queue {
    pub(crate) fn new(pending_bytes_max: u64) -> Self {
        Self {
            inner: Mutex::default(),
            work: Notify::new(),
            room: Notify::new(),
            durable: watch::Sender::new(0),
            pending_bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an entry. Returns false, dropping it, once the queue is closed.
    pub(crate) fn push(&self, mut entry: Entry) -> bool {
        let first = {
            let mut inner = self.lock();
            if inner.closed {
                return false;
            }
            entry.index = inner.queued;
            inner.queued += 1;
            inner.bytes += entry.record.encoded_bytes_max() as u64;
            inner.entries.push(entry);
            inner.entries.len() == 1
        };
        if first {
            self.work.notify_one();
        }
        true
    }

    /// The next window: whatever is here, or the first thing to come.
    pub(crate) async fn next(&self, idle: Option<Duration>) -> Next {
        loop {
            {
                let mut inner = self.lock();
                if !inner.next_file.is_empty() {
                    return Next::Switch(std::mem::take(&mut inner.next_file));
                }
                if !inner.entries.is_empty() {
                    return Next::Window(std::mem::take(&mut inner.entries));
                }
                if inner.closed {
                    return Next::Closed;
                }
            }
            match idle {
                None => self.work.notified().await,
                Some(idle) => {
                    if tokio::time::timeout(idle, self.work.notified())
                        .await
                        .is_err()
                    {
                        return Next::Idle;
                    }
                }
            }
        }
    }

    /// Drops what is here and refuses more: the writer is gone.
    pub(crate) fn abandon(&self) {
        let entries = {
            let mut inner = self.lock();
            inner.closed = true;
            inner.next_file.clear();
            std::mem::take(&mut inner.entries)
        };
        drop(entries);
    }

    /// Asks the writer to go on in the next file, if there is one. The receiver ends once it has
    /// done so, or with an error if it could not.
    pub(crate) fn ask_for_next_file(&self) -> oneshot::Receiver<()> {
        let (sender, done) = oneshot::channel();
        {
            let mut inner = self.lock();
            if !inner.closed {
                inner.next_file.push(sender);
            }
        }
        self.work.notify_one();
        done
    }

    /// Called by the writer while it waits for a file itself: nobody may wait for it then.
    pub(crate) fn refuse_next_file(&self) {
        self.lock().next_file.clear();
    }

    /// Takes what is here without waiting.
    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().entries)
    }

    /// Waits until something is queued or the queue is closed.
    pub(crate) async fn wait_for_work(&self) {
        self.work.notified().await;
    }

    /// Called by the writer: entries below `durable` are durable, `bytes` left the window.
    pub(crate) fn written(&self, durable: u64, bytes: u64) {
        {
            let mut inner = self.lock();
            inner.bytes = inner.bytes.saturating_sub(bytes);
        }
        self.durable.send_replace(durable);
        self.room.notify_waiters();
    }

    /// Called by the writer when it waits for a file, and when it goes on.
    pub(crate) fn set_pressed(&self, pressed: bool) {
        self.lock().pressed = pressed;
        if !pressed {
            self.room.notify_waiters();
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        let inner = self.lock();
        !inner.pressed && inner.bytes <= self.pending_bytes_max
    }

    pub(crate) fn pending_bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Waits until there is room.
    pub(crate) async fn room(&self) {
        loop {
            let changed = self.room.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.has_room() {
                return;
            }
            changed.await;
        }
    }

    /// Waits until everything queued before the call is durable.
    pub(crate) async fn flush(&self) {
        let queued = self.lock().queued;
        // The sender lives in `self`, so the wait ends only by reaching the count.
        let _ = self
            .durable
            .subscribe()
            .wait_for(|durable| *durable >= queued)
            .await;
    }

    /// Refuses further entries; the writer ends once it has written what is here.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }
}
