//! What a part is given: the binary, a folder, and how large the run is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Failure, tools};

/// How far beyond its target a time may be in the short form: other work shares the machine there.
pub const SLACK: u32 = 5;

/// How large a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// The counts that the targets are about.
    Long,
    /// The same code in seconds.
    Short,
}

impl Size {
    /// One of two counts.
    pub(crate) fn pick<T>(self, long: T, short: T) -> T {
        match self {
            Self::Long => long,
            Self::Short => short,
        }
    }

    /// What a time or a size is held against.
    pub(crate) fn bound(self, target: Duration) -> Duration {
        self.pick(target, target * SLACK)
    }
}

/// Where a part runs, and with what.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The binary to accept.
    pub chronik: PathBuf,
    /// A folder on a real disk; parts make folders of their own in it and remove them.
    pub work: PathBuf,
    /// The checkout, for the part that builds it.
    pub repository: PathBuf,
    /// Whether a missing tool or right is a failure instead of a skip, as in CI.
    pub strict: bool,
}

impl Setup {
    /// Makes the folder empty: what a killed run has left there, mounted images included, goes.
    pub fn clean(&self) -> Result<(), Failure> {
        let failed = || Failure::io(self.work.display());
        std::fs::create_dir_all(&self.work).map_err(failed())?;
        let work = self.work.canonicalize().map_err(failed())?;
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let folders = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        for folder in folders.filter(|folder| Path::new(folder).starts_with(&work)) {
            tools::run(Command::new("umount").arg(folder))?;
        }
        std::fs::remove_dir_all(&work)
            .and_then(|()| std::fs::create_dir_all(&work))
            .map_err(failed())
    }

    /// A folder that goes away with its value.
    pub(crate) fn folder(&self, name: &str) -> Result<tempfile::TempDir, Failure> {
        std::fs::create_dir_all(&self.work).map_err(Failure::io(self.work.display()))?;
        tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&self.work)
            .map_err(Failure::io(self.work.display()))
    }

    /// The binary's path.
    pub(crate) fn chronik(&self) -> &Path {
        &self.chronik
    }
}

/// Runs a part's clients to the end. Each part has a runtime of its own, so that nothing of one
/// is left when the next one measures.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::io("cannot start threads"))?
        .block_on(work)
}

/// Progress for whoever waits.
pub(crate) fn progress(line: impl std::fmt::Display) {
    eprintln!("  {line}");
}
