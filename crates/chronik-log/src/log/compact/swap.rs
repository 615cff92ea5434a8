//! A rewritten segment takes the place of a group, so that a crash at any moment leaves either.
//!
//! ```text
//! BASE.log.cleaned, .index.cleaned, .timeindex.cleaned   written, synced, names synced
//! BASE.log.cleaned -> BASE.log.END.swap                  the decision, once the name is synced
//! the group's files go, the indexes get their names      names synced
//! BASE.log.END.swap -> BASE.log                          names synced
//! ```
//!
//! `END` is where the segment after the group begins, so the one name says everything recovery
//! has to know: all that lies between is superseded. The old files go durably before the new one
//! has its name, else both could be there after a crash. Readers that hold a file read it to its
//! end. Keeps I13, and I11 across a crash.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chronik_io::ExitCode;
use chronik_io::fs::{DirEntry, Disk};
use chronik_types::Offset;

use super::range::Facts;
use super::source::CleanError;
use crate::error::FileError;
use crate::log::segment::{Segment, file_name};
use crate::log::{Gate, PartitionLog, State, is_partition_dir};
use crate::shared::Shared;

fn swap_name(base: Offset, end: Offset) -> String {
    format!("{:020}.log.{:020}.swap", base.get(), end.get())
}

/// The base and end of a swap file's name.
fn parse_swap(name: &str) -> Option<(Offset, Offset)> {
    let (base, rest) = name.split_once(".log.")?;
    let end = rest.strip_suffix(".swap")?;
    Some((
        Offset::new(base.parse().ok()?),
        Offset::new(end.parse().ok()?),
    ))
}

impl PartitionLog {
    /// Puts `cleaned`, whose files are synced, in the place of `group`. Nothing happens if the log
    /// changed since the group was read.
    pub(super) async fn swap(
        self: &Arc<Self>,
        group: &[Facts],
        mut cleaned: Segment,
    ) -> Result<(), CleanError> {
        // Truncations and resets wait meanwhile.
        let _alone = self.rewriting.lock().await;
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            return Ok(());
        };
        {
            let mut state = self.lock();
            if state.group_at(group).is_none() {
                drop(state);
                self.discard(cleaned);
                return Err(CleanError::Changed);
            }
            state.swapping = true;
        }
        let swap = self.dir.join(swap_name(first.base, last.next));
        if let Err(e) = self.shared.env.disk.rename(&cleaned.path, &swap) {
            self.swapped()?;
            self.discard(cleaned);
            return Err(FileError::new("rename", &swap, e).into());
        }
        cleaned.path = swap;
        let done = self.carry_out(group, cleaned).await;
        match done {
            Ok(()) => Ok(self.swapped()?),
            Err(_) if self.is_deleted() => Err(CleanError::Changed),
            // It is decided: what is left half done is done by the next start.
            Err(error) => {
                self.shared
                    .env
                    .exit
                    .fatal(ExitCode::Storage, &error.to_string())
                    .await
            }
        }
    }

    async fn carry_out(&self, group: &[Facts], cleaned: Segment) -> Result<(), FileError> {
        let base = cleaned.base;
        self.sync_names().await?;
        self.supersede(group, cleaned)?;
        self.sync_names().await?;
        self.give_name(base)?;
        self.sync_names().await
    }

    async fn sync_names(&self) -> Result<(), FileError> {
        let synced = self.shared.env.disk.sync_dir(&self.dir).await;
        synced.map_err(|e| FileError::new("sync", &self.dir, e))
    }

    /// From here on readers find the new segment.
    fn supersede(&self, group: &[Facts], mut cleaned: Segment) -> Result<(), FileError> {
        let mut state = self.lock();
        // A directory of this name may already be another topic's.
        self.check_there(&state)?;
        let at = state
            .group_at(group)
            .expect("nothing takes segments away during a swap");
        let disk = &*self.shared.env.disk;
        for old in group {
            self.delete_file_later(&file_name(old.base, ".log"))?;
            self.remove_if_there(&file_name(old.base, ".txnindex"))?;
            if old.base != cleaned.base {
                self.remove_if_there(&file_name(old.base, ".index"))?;
                self.remove_if_there(&file_name(old.base, ".timeindex"))?;
            }
        }
        let name = |suffix| self.dir.join(file_name(cleaned.base, suffix));
        let (index, times) = (name(".index"), name(".timeindex"));
        cleaned.offsets.rename(disk, index)?;
        cleaned.times.rename(disk, times)?;
        for mut old in state.segments.drain(at..at + group.len()) {
            old.close_if_clean(&self.shared);
        }
        state.segments.insert(at, cleaned);
        state.rewrites += 1;
        state.check_invariants();
        Ok(())
    }

    /// The new segment gets its own name.
    fn give_name(&self, base: Offset) -> Result<(), FileError> {
        let mut state = self.lock();
        self.check_there(&state)?;
        let segment = state
            .segments
            .iter_mut()
            .find(|segment| segment.base == base)
            .expect("nothing takes segments away during a swap");
        let path = self.dir.join(file_name(base, ".log"));
        let renamed = self.shared.env.disk.rename(&segment.path, &path);
        renamed.map_err(|e| FileError::new("rename", &path, e))?;
        segment.path = path;
        Ok(())
    }

    /// Segments may go again: those whose time came meanwhile do.
    fn swapped(&self) -> Result<(), FileError> {
        let mut state = self.lock();
        state.swapping = false;
        if state.gate == Gate::Deleted {
            return Ok(());
        }
        let start = state.journaled_start;
        self.apply_log_start(&mut state, start)
    }

    fn check_there(&self, state: &State) -> Result<(), FileError> {
        if state.gate != Gate::Deleted {
            return Ok(());
        }
        let gone = std::io::ErrorKind::NotFound.into();
        Err(FileError::new("rename", &self.dir, gone))
    }
}

impl State {
    /// Where a group stands among the segments, if it is as it was read and may be replaced.
    pub(super) fn group_at(&self, group: &[Facts]) -> Option<usize> {
        let first = group.first()?.base;
        let at = self.segments.iter().position(|s| s.base == first)?;
        let same = group.iter().enumerate().all(|(n, facts)| {
            let next = self.segments.get(at + n + 1).map(|next| next.base);
            let segment = &self.segments[at + n];
            segment.base == facts.base && segment.size == facts.bytes && next == Some(facts.next)
        });
        let open = matches!(self.gate, Gate::Open | Gate::Busy) && self.pending.is_none();
        (same && open && self.lowest_cut.is_none()).then_some(at)
    }
}

/// Before a log is opened: finishes what was decided and removes what was not.
pub(crate) async fn finish_swaps(shared: &Shared) -> Result<(), FileError> {
    let disk = &*shared.env.disk;
    let root = &shared.layout.root;
    let entries = disk
        .list(root)
        .map_err(|e| FileError::new("list", root, e))?;
    // Others' directories are not ours to look into, such as a filesystem's own `lost+found`.
    let partitions = entries
        .iter()
        .filter(|entry| entry.is_dir && is_partition_dir(&entry.name));
    for dir in partitions {
        let dir = root.join(&dir.name);
        let files = disk
            .list(&dir)
            .map_err(|e| FileError::new("list", &dir, e))?;
        for entry in &files {
            if let Some((base, end)) = parse_swap(&entry.name) {
                tracing::info!(swap = entry.name, dir = %dir.display(), "finishing a compaction");
                finish(disk, &dir, &files, base, end).await?;
            }
        }
        for entry in files
            .iter()
            .filter(|entry| entry.name.ends_with(".cleaned"))
        {
            remove(disk, &dir.join(&entry.name))?;
        }
    }
    Ok(())
}

async fn finish(
    disk: &dyn Disk,
    dir: &Path,
    files: &[DirEntry],
    base: Offset,
    end: Offset,
) -> Result<(), FileError> {
    for entry in files {
        let Some((stem, suffix)) = entry.name.split_once('.') else {
            continue;
        };
        let Ok(of) = stem.parse().map(Offset::new) else {
            continue;
        };
        let superseded = match suffix {
            "log" | "index" | "timeindex" => base < of && of < end,
            "txnindex" => base <= of && of < end,
            _ => false,
        };
        if superseded {
            remove(disk, &dir.join(&entry.name))?;
        }
    }
    for suffix in [".index", ".timeindex"] {
        let name = file_name(base, suffix);
        // Without it, the index has its name already.
        rename_if_there(disk, dir.join(format!("{name}.cleaned")), &dir.join(name))?;
    }
    let sync = |e| FileError::new("sync", dir, e);
    disk.sync_dir(dir).await.map_err(sync)?;
    let swap = dir.join(swap_name(base, end));
    rename_if_there(disk, swap, &dir.join(file_name(base, ".log")))?;
    disk.sync_dir(dir).await.map_err(sync)
}

fn rename_if_there(disk: &dyn Disk, from: PathBuf, to: &Path) -> Result<(), FileError> {
    match disk.rename(&from, to) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("rename", &from, e))
        }
        _ => Ok(()),
    }
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<(), FileError> {
    match disk.remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path, e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_file_is_known_by_its_name_alone() {
        let (base, end) = (Offset::new(7), Offset::new(1200));
        let name = swap_name(base, end);
        assert_eq!(name, "00000000000000000007.log.00000000000000001200.swap");
        assert_eq!(parse_swap(&name), Some((base, end)));
        for other in ["00000000000000000007.log", "x.log.7.swap", "7.log.swap"] {
            assert_eq!(parse_swap(other), None);
        }
    }
}
