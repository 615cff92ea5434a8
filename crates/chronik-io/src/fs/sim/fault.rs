//! What can go wrong on a simulated disk, where, and what was asked of it.
//!
//! Absent: the failing itself; [`SimDisk`](super::SimDisk) asks here at each operation.

use std::path::Path;
use std::time::Duration;

/// Something that goes wrong on files (and, for syncs, directories) whose path matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Reads fail with EIO.
    ReadError,
    /// Writes fail with EIO and write nothing.
    WriteError,
    /// Half of a write is written, then it fails as a write that is taken no further.
    ShortWrite,
    /// Syncs fail with EIO. What they covered is clean, readable until evicted, and not durable.
    SyncError,
    /// Syncs take a time within these bounds.
    SlowSync {
        /// At least.
        min: Duration,
        /// At most.
        max: Duration,
    },
    /// Syncs do not end before the fault does.
    HungSync,
}

/// Names an injected fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultId(u64);

/// What was asked of the files and directories at a path.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Calls that read.
    pub reads: u64,
    /// Bytes they gave.
    pub bytes_read: u64,
    /// Calls that wrote, a commit included.
    pub writes: u64,
    /// Bytes they took.
    pub bytes_written: u64,
    /// Syncs called for, of file or directory, a commit included.
    pub syncs: u64,
}

impl Counters {
    pub(super) fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.bytes_read += other.bytes_read;
        self.writes += other.writes;
        self.bytes_written += other.bytes_written;
        self.syncs += other.syncs;
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    active: Vec<Active>,
    last_id: u64,
}

#[derive(Debug)]
struct Active {
    id: FaultId,
    pattern: String,
    fault: Fault,
    /// How often it may still strike; `None` until healed.
    left: Option<u64>,
}

impl Faults {
    pub(super) fn inject(&mut self, pattern: &str, fault: Fault, left: Option<u64>) -> FaultId {
        self.last_id += 1;
        let id = FaultId(self.last_id);
        self.active.push(Active {
            id,
            pattern: pattern.to_owned(),
            fault,
            left,
        });
        id
    }

    pub(super) fn heal(&mut self, id: FaultId) {
        self.active.retain(|active| active.id != id);
    }

    pub(super) fn heal_all(&mut self) {
        self.active.clear();
    }

    pub(super) fn is_active(&self, id: FaultId) -> bool {
        self.active.iter().any(|active| active.id == id)
    }

    /// The fault of this kind that strikes an operation at `path` now.
    pub(super) fn strike(&mut self, fault: Fault, path: &Path) -> Option<FaultId> {
        self.find(path, |active| active.fault == fault)
            .map(|active| active.id)
    }

    /// The bounds of a sync's duration at `path`.
    pub(super) fn delay(&mut self, path: &Path) -> Option<(Duration, Duration)> {
        let slow = |active: &Active| matches!(active.fault, Fault::SlowSync { .. });
        match self.find(path, slow)?.fault {
            Fault::SlowSync { min, max } => Some((min, max)),
            _ => None,
        }
    }

    /// The youngest fault that matches, which is thereby used once.
    fn find(&mut self, path: &Path, pick: impl Fn(&Active) -> bool) -> Option<&Active> {
        // The usual case costs nothing.
        if self.active.is_empty() {
            return None;
        }
        let path = path.to_string_lossy();
        let found = self.active.iter_mut().rev().find(|active| {
            active.left != Some(0) && pick(active) && matches(&active.pattern, &path)
        })?;
        found.left = found.left.map(|left| left - 1);
        Some(found)
    }
}

/// Whether `text` is `pattern`, where each `*` stands for any characters, slashes included.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/bc", false),
            ("*", "/a/b", true),
            ("*.log", "/a/0.log", true),
            ("*.log", "/a/0.index", false),
            ("/a/*", "/a/b/c", true),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/*.log", "/a/b/0.log", true),
            ("*b*", "/a/b/c", true),
            ("*x*", "/a/b/c", false),
            ("/aa*a", "/aa", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
