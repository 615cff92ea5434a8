//! The binary's size; in the long form also how long a build from nothing takes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::setup::progress;
use crate::{Failure, Outcome, SLACK, Setup, Size};

const BYTES_MAX: u64 = 40_000_000;
const BUILD_MAX: Duration = Duration::from_secs(360);

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let path = setup.chronik();
    let meta = std::fs::metadata(path).map_err(Failure::io(path.display()))?;
    let bytes = meta.len();
    let mut outcome = Outcome::default();
    outcome.judge(
        "size of the binary",
        "below 40 MB",
        format!("{:.1} MB", bytes as f64 / 1e6),
        bytes < BYTES_MAX * u64::from(size.pick(1, SLACK)),
    );
    if size == Size::Long {
        let taken = build(setup)?;
        outcome.judge(
            "clean release build",
            "below 6 minutes on two cores",
            format!("{} s", taken.as_secs()),
            taken < BUILD_MAX,
        );
    }
    Ok(outcome)
}

/// Builds into a folder of its own.
fn build(setup: &Setup) -> Result<Duration, Failure> {
    let folder = setup.folder("build")?;
    progress("binary: a build from nothing");
    let begun = Instant::now();
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--offline", "--quiet"])
        .args(["-p", "chronik", "-j", "2"])
        .current_dir(&setup.repository)
        .env("CARGO_TARGET_DIR", folder.path())
        .stdin(Stdio::null())
        .status()
        .map_err(Failure::io("cargo"))?;
    match built.success() {
        true => Ok(begun.elapsed()),
        false => Err(Failure::new(format!("the build ended with {built}"))),
    }
}
