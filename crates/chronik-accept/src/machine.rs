//! The machine a run was made on, as figures need it beside them.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{Failure, tools};

/// Appends that the disk's figure is made of.
const SYNCS: usize = 1000;
const APPEND_BYTES: usize = 4096;

/// What the figures depend on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The day, in UTC.
    pub date: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The kind of file system that the runs are on.
    pub filesystem: String,
    /// Files that a process may have open.
    pub open_files: u64,
    /// `fdatasync` after an append of 4 KiB: the median, in microseconds.
    pub sync_p50_micros: u64,
    /// The same: 99 of 100 are faster.
    pub sync_p99_micros: u64,
}

impl Machine {
    /// Describes this machine; the disk is the one `work` is on.
    pub fn describe(work: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(work).map_err(Failure::io(work.display()))?;
        let (p50, p99) = time_syncs(work)?;
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory_kib = memory.split_whitespace().nth(1).map(str::parse::<u64>);
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let place = work.canonicalize().map_err(Failure::io(work.display()))?;
        let open_files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Ok(Self {
            date: tools::run(Command::new("date").args(["-u", "+%Y-%m-%d"]))?
                .trim()
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_kib.and_then(Result::ok).unwrap_or(0) / 1024,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            filesystem: filesystem_of(&place, &mounts).unwrap_or_default(),
            open_files: open_files.unwrap_or(u64::MAX),
            sync_p50_micros: micros(p50),
            sync_p99_micros: micros(p99),
        })
    }
}

/// The kind of the file system that a place is on: of the longest mount point above it, and of the
/// last one there.
fn filesystem_of(place: &Path, mounts: &str) -> Option<String> {
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        place.starts_with(point).then_some((point.len(), kind))
    });
    above
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind.to_owned())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Appends and syncs, one after the other; gives the median and the 99th percentile.
fn time_syncs(work: &Path) -> Result<(Duration, Duration), Failure> {
    let mut file = tempfile::tempfile_in(work).map_err(Failure::io(work.display()))?;
    let block = [0x5a; APPEND_BYTES];
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&block).map_err(Failure::io("append"))?;
        let begun = Instant::now();
        file.sync_data().map_err(Failure::io("fdatasync"))?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    Ok((taken[SYNCS / 2], taken[SYNCS * 99 / 100]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_that_of_the_longest_mount_point_above() {
        let mounts =
            "/dev/vda / xfs rw 0 0\nnone /tmp tmpfs rw 0 0\n/dev/loop0 /tmp/a ext4 rw 0 0\n";
        let of = |place: &str| filesystem_of(Path::new(place), mounts);
        assert_eq!(of("/tmp/a/b").as_deref(), Some("ext4"));
        assert_eq!(of("/tmp/ab").as_deref(), Some("tmpfs"));
        assert_eq!(of("/home").as_deref(), Some("xfs"));
    }

    #[test]
    fn this_machine_is_described() {
        let work = tempfile::tempdir().unwrap();
        let machine = Machine::describe(work.path()).unwrap();
        assert!(machine.cores > 0 && machine.memory_mib > 0 && machine.open_files > 0);
        assert!(!machine.kernel.is_empty() && !machine.filesystem.is_empty());
        assert!(machine.date.starts_with("20"));
        assert!(0 < machine.sync_p50_micros && machine.sync_p50_micros <= machine.sync_p99_micros);
    }
}
