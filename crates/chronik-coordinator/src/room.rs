//! The memory that all shards of a node share, as an estimate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the groups of all shards may hold. What the log says is always taken in, and
/// counted; members and commits that would exceed it are refused.
#[derive(Debug)]
pub struct Room {
    max: usize,
    used: AtomicUsize,
}

impl Room {
    /// Room for `max` bytes.
    pub const fn new(max: usize) -> Self {
        Self {
            max,
            used: AtomicUsize::new(0),
        }
    }

    /// What is held, in bytes; what was loaded may be more than the room has.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether `bytes` more fit. Shards that ask at the same time may all be told so: each goes
    /// beyond by one request at most.
    fn fits(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.max
    }
}

/// A room is equal to itself only.
impl PartialEq for Room {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Room {}

/// A shard's part of what is used. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    room: Arc<Room>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(room: Arc<Room>) -> Self {
        Self { room, bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.room.fits(bytes)
    }

    /// What held `before` bytes holds `after` now.
    pub(crate) fn change(&mut self, before: usize, after: usize) {
        if after >= before {
            self.bytes += after - before;
            self.room.used.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.bytes -= before - after;
            self.room.used.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
