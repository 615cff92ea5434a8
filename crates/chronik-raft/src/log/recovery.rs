//! Reading the segments back at start.
//!
//! Keeps I13: the log ends at the first batch that is not whole, if that is in the last segment and
//! no later batch follows it; then the file is cut there and synced before anything relies on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chronik_io::fs::{Disk, File, OpenMode, read_up_to};

use super::frame::{
    BATCH_HEADER_LEN, FileHeader, HEADER_LEN, Item, holds_later_batch, read_batch,
    read_file_header, read_items,
};
use super::memory::Memory;
use crate::error::RaftStartError;

const SUFFIX: &str = ".raftlog";

/// A segment that holds something.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    pub(crate) path: PathBuf,
    /// The greatest index of an entry in it.
    pub(crate) max_index: Option<u64>,
}

/// Where writing goes on.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: Arc<dyn File>,
    pub(crate) segment: Segment,
    pub(crate) end: u64,
}

/// What the directory holds.
pub(crate) struct Recovered {
    pub(crate) memory: Memory,
    pub(crate) closed: Vec<Segment>,
    pub(crate) tail: Option<Tail>,
    pub(crate) next_batch: u64,
    pub(crate) next_sequence: u64,
}

pub(crate) fn segment_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:020}{SUFFIX}"))
}

pub(crate) fn io_error(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(std::io::Error) -> RaftStartError {
    let path = path.to_owned();
    move |error| RaftStartError::Io { doing, path, error }
}

pub(crate) async fn recover(disk: &dyn Disk, dir: &Path) -> Result<Recovered, RaftStartError> {
    let paths = segments(disk, dir)?;
    let mut items = Vec::new();
    let mut closed = Vec::new();
    let mut tail = None;
    let mut expected = None;
    let mut next_sequence = 0;
    for (at, (sequence, path)) in paths.iter().enumerate() {
        let last = at + 1 == paths.len();
        next_sequence = sequence + 1;
        let file = disk
            .open(path, OpenMode::ReadWrite)
            .map_err(io_error("open", path))?;
        let len = file.len().map_err(io_error("read", path))?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = read_up_to(file.as_ref(), 0, len).map_err(io_error("read", path))?;
        let Some(read) = read_segment(path, *sequence, &bytes, last, &mut expected)? else {
            // Its creation was cut off before anything in it counted.
            disk.remove_file(path).map_err(io_error("remove", path))?;
            disk.sync_dir(dir).await.map_err(io_error("sync", dir))?;
            continue;
        };
        let segment = Segment {
            sequence: *sequence,
            path: path.clone(),
            max_index: read.items.iter().filter_map(index_of).max(),
        };
        items.extend(read.items);
        if last {
            file.set_len(read.end).map_err(io_error("cut", path))?;
            // After a failed sync the page cache may hold, as clean, what the disk never got: a
            // sync would write nothing. What is kept is written again before anything follows it.
            let kept = usize::try_from(read.end)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            file.commit(vec![bytes.slice(..kept)], 0)
                .await
                .map_err(io_error("rewrite", path))?;
            disk.sync_dir(dir).await.map_err(io_error("sync", dir))?;
            tail = Some(Tail {
                file,
                segment,
                end: read.end,
            });
        } else {
            closed.push(segment);
        }
    }
    Ok(Recovered {
        memory: replay(dir, items)?,
        closed,
        tail,
        next_batch: expected.unwrap_or(0),
        next_sequence,
    })
}

fn segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, RaftStartError> {
    let mut paths = Vec::new();
    for entry in disk.list(dir).map_err(io_error("list", dir))? {
        let number = entry.name.strip_suffix(SUFFIX).map(str::parse);
        if let Some(Ok(sequence)) = number {
            paths.push((sequence, dir.join(entry.name)));
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

struct SegmentRead {
    items: Vec<Item>,
    end: u64,
}

fn read_segment(
    path: &Path,
    sequence: u64,
    bytes: &[u8],
    last: bool,
    expected: &mut Option<u64>,
) -> Result<Option<SegmentRead>, RaftStartError> {
    let damaged = |offset: usize, why: &str| RaftStartError::Damaged {
        path: path.to_owned(),
        offset: offset as u64,
        why: why.to_owned(),
    };
    match read_file_header(bytes) {
        FileHeader::Segment { sequence: found } if found == sequence => {}
        FileHeader::Segment { .. } => return Err(damaged(0, "it is another segment")),
        FileHeader::Newer { version } => {
            return Err(damaged(
                0,
                &format!("its format version {version} is newer than this version of Chronik"),
            ));
        }
        FileHeader::Torn if last && !holds_later_batch(bytes, expected.map_or(0, |n| n + 1)) => {
            return Ok(None);
        }
        FileHeader::Torn => return Err(damaged(0, "its header cannot be read")),
    }
    let mut items = Vec::new();
    let mut at = HEADER_LEN;
    while let Some(batch) = bytes.get(at..).and_then(read_batch) {
        if expected.is_some_and(|expected| batch.number != expected) {
            return Err(damaged(at, "batches are missing before this one"));
        }
        *expected = Some(batch.number + 1);
        let unreadable = |error| RaftStartError::Unreadable {
            path: path.to_owned(),
            error,
        };
        items.extend(read_items(batch.body).map_err(unreadable)?);
        at += BATCH_HEADER_LEN + batch.body.len();
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if holds_later_batch(rest, expected.map_or(0, |number| number + 1)) {
        return Err(damaged(at, "a batch cannot be read, and later ones follow"));
    }
    if !last && rest.iter().any(|byte| *byte != 0) {
        return Err(damaged(
            at,
            "a batch cannot be read, and later segments follow",
        ));
    }
    if last && items.is_empty() {
        return Ok(None);
    }
    Ok(Some(SegmentRead {
        items,
        end: at as u64,
    }))
}

fn index_of(item: &Item) -> Option<u64> {
    match item {
        Item::Entry(entry) => Some(entry.log_id.index),
        Item::Vote(_) | Item::Committed(_) | Item::Truncate(_) | Item::Purge(_) => None,
    }
}

/// Plays what happened. Segments whose entries were all purged may be gone already, so what the
/// last purge covers is left out from the start.
fn replay(dir: &Path, items: Vec<Item>) -> Result<Memory, RaftStartError> {
    let mut memory = Memory::default();
    for item in &items {
        if let Item::Purge(upto) = item {
            memory.purge(*upto);
        }
    }
    let purged = memory.purged.map(|id| id.index);
    for item in items {
        match item {
            Item::Vote(vote) => memory.vote = Some(vote),
            Item::Committed(id) => memory.committed = id,
            Item::Truncate(last) => memory.truncate_after(last),
            Item::Purge(_) => {}
            Item::Entry(entry) => {
                if purged.is_some_and(|purged| entry.log_id.index <= purged) {
                    continue;
                }
                if !memory.continues(&entry) {
                    return Err(RaftStartError::Damaged {
                        path: dir.to_owned(),
                        offset: 0,
                        why: format!("entry {} does not follow the one before it", entry.log_id),
                    });
                }
                let bytes = super::store::entry_len(&entry);
                memory.push(entry, bytes);
            }
        }
    }
    // What a purge covers was committed; and the committed index may have become durable with a
    // batch whose entries did not.
    memory.committed = memory.committed.min(memory.last()).max(memory.purged);
    Ok(memory)
}
