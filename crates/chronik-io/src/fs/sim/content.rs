//! What one simulated file holds: as read back, as on the medium, and the changes in between.
//!
//! Changes since the last sync are kept in order, each with its data. A sync applies those that
//! were there when it was called. A crash decides per change and 512-byte sector what reached the
//! medium; a sector never mixes versions that the page cache did not hold at one moment, because a
//! sector is written whole: when a change survives in a sector, so does every older one in it.
//! Changes of length are metadata and survive as a prefix. Absent: names, faults, time.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::Rng;

/// What a device writes whole or not at all.
pub(super) const SECTOR: u64 = 512;

#[derive(Debug, Default)]
pub(super) struct Content {
    /// What reads see.
    cache: Vec<u8>,
    /// What is on the medium.
    durable: Vec<u8>,
    /// Invariant: numbers grow; `cache` is `durable` with these applied, but for what a failed
    /// sync dropped.
    pending: VecDeque<Change>,
    last_number: u64,
    /// End of what was written or reserved: what the file takes of the disk's capacity.
    allocated: u64,
    /// Whether reads need not wait for the device.
    resident: bool,
}

#[derive(Clone, Debug)]
struct Change {
    number: u64,
    kind: ChangeKind,
}

#[derive(Clone, Debug)]
enum ChangeKind {
    Write { offset: u64, data: Bytes },
    Len { from: u64, to: u64 },
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.cache.len() as u64
    }

    pub(super) fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(super) fn is_resident(&self) -> bool {
        self.resident
    }

    pub(super) fn read(&mut self, buf: &mut [u8], offset: u64) -> usize {
        let from = index(offset).min(self.cache.len());
        let n = buf.len().min(self.cache.len() - from);
        buf[..n].copy_from_slice(&self.cache[from..from + n]);
        self.resident = true;
        n
    }

    pub(super) fn write(&mut self, data: Bytes, offset: u64) {
        if data.is_empty() {
            return;
        }
        overwrite(&mut self.cache, offset, &data);
        self.resident = true;
        self.allocated = self.allocated.max(offset + data.len() as u64);
        self.push(ChangeKind::Write { offset, data });
    }

    pub(super) fn set_len(&mut self, to: u64) {
        let from = self.len();
        self.cache.resize(index(to), 0);
        self.allocated = self.allocated.min(to);
        self.push(ChangeKind::Len { from, to });
    }

    pub(super) fn allocate(&mut self, len: u64) {
        if self.len() < len {
            self.set_len(len);
        }
        self.allocated = self.allocated.max(len);
    }

    fn push(&mut self, kind: ChangeKind) {
        self.last_number += 1;
        let number = self.last_number;
        self.pending.push_back(Change { number, kind });
    }

    /// What a sync called now covers.
    pub(super) fn snapshot(&self) -> u64 {
        self.last_number
    }

    /// Ends a sync whose snapshot was `upto`.
    pub(super) fn make_durable(&mut self, upto: u64) {
        for change in self.take_pending(upto) {
            change.apply(&mut self.durable);
        }
    }

    /// Ends a failed sync: the changes are clean for the cache and absent on the medium.
    pub(super) fn drop_dirty(&mut self, upto: u64) {
        self.take_pending(upto);
    }

    fn take_pending(&mut self, upto: u64) -> VecDeque<Change> {
        let covered = self.pending.partition_point(|c| c.number <= upto);
        let rest = self.pending.split_off(covered);
        std::mem::replace(&mut self.pending, rest)
    }

    /// Forgets clean pages, so that reads see the medium.
    pub(super) fn evict(&mut self) {
        self.cache.clone_from(&self.durable);
        for change in &self.pending {
            change.apply(&mut self.cache);
        }
        self.resident = false;
    }

    /// Damages the medium. A dirty page hides it until the page is gone; a sync heals it.
    pub(super) fn flip_bit(&mut self, offset: u64, bit: u32) -> bool {
        let Some(byte) = self.durable.get_mut(index(offset)) else {
            return false;
        };
        *byte ^= 1 << (bit % 8);
        self.evict();
        true
    }

    /// Loses what was not synced.
    pub(super) fn lose_pending(&mut self) {
        self.pending.clear();
        self.settle();
    }

    /// Loses, keeps and tears what was not synced.
    pub(super) fn crash(&mut self, rng: &Rng) {
        let pending = std::mem::take(&mut self.pending);
        let is_len = |c: &&Change| matches!(c.kind, ChangeKind::Len { .. });
        let mut lens_kept = prefix(rng, pending.iter().filter(is_len).count());
        let versions = surviving_versions(&pending, rng);
        // An overwrite in place needs no metadata. Anything at or past the end that a lost
        // truncation left lies in blocks that only metadata younger than it would point to.
        let mut in_place_below = u64::MAX;
        for change in &pending {
            match &change.kind {
                ChangeKind::Len { .. } if lens_kept > 0 => {
                    lens_kept -= 1;
                    change.apply(&mut self.durable);
                }
                ChangeKind::Len { from, to } if to < from => {
                    in_place_below = in_place_below.min(*to);
                }
                ChangeKind::Len { .. } => {}
                ChangeKind::Write { offset, data } => {
                    for (sector, at, part) in sectors(*offset, data) {
                        let kept = versions.get(&sector).is_some_and(|v| *v >= change.number);
                        if kept && (sector + 1) * SECTOR <= in_place_below {
                            overwrite(&mut self.durable, at, part);
                        }
                    }
                }
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.evict();
        self.allocated = self.allocated.min(self.len());
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match &self.kind {
            ChangeKind::Write { offset, data } => overwrite(to, *offset, data),
            ChangeKind::Len { to: len, .. } => to.resize(index(*len), 0),
        }
    }
}

/// For each sector that has anything new, the youngest change in it that survives.
fn surviving_versions(pending: &VecDeque<Change>, rng: &Rng) -> BTreeMap<u64, u64> {
    let mut versions = BTreeMap::new();
    for change in pending {
        let ChangeKind::Write { offset, data } = &change.kind else {
            continue;
        };
        let fate = rng.below(5);
        let count = sectors(*offset, data).count() as u64;
        let cut = rng.below(count + 1);
        for (position, (sector, ..)) in sectors(*offset, data).enumerate() {
            let position = position as u64;
            let kept = match fate {
                0 => true,
                1 => false,
                2 => position < cut,
                3 => position >= cut,
                _ => rng.below(2) == 0,
            };
            if kept {
                versions.insert(sector, change.number);
            }
        }
    }
    versions
}

/// How many of `count` ordered things survive: often all or none, else any number.
pub(super) fn prefix(rng: &Rng, count: usize) -> usize {
    match rng.below(4) {
        0 => 0,
        1 => count,
        _ => index(rng.below(count as u64 + 1)),
    }
}

/// The parts of a write: sector number, position, bytes.
fn sectors(offset: u64, data: &[u8]) -> impl Iterator<Item = (u64, u64, &[u8])> {
    let mut at = offset;
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let sector = at / SECTOR;
        let room = index((sector + 1) * SECTOR - at);
        let (part, left) = rest.split_at(room.min(rest.len()));
        let start = at;
        at += part.len() as u64;
        rest = left;
        Some((sector, start, part))
    })
}

fn overwrite(content: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let from = index(offset);
    let to = from + data.len();
    if from == content.len() {
        content.extend_from_slice(data);
        return;
    }
    if content.len() < to {
        content.resize(to, 0);
    }
    content[from..to].copy_from_slice(data);
}

/// Positions of simulated files fit memory: [`FILE_MAX`](super::FILE_MAX) is checked on entry.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
