//! What a start reads after `kill -9`: the log is large, the part of it that no checkpoint covers
//! is small, and only the small part may matter.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{mib, millis};
use crate::fill::Fill;
use crate::metrics::Metrics;
use crate::process::BytesRead;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size, tools};

/// Bytes that a start may read with 16 MB that are not checkpointed.
const READ_MAX: u64 = 64_000_000;
const PARTITIONS: i32 = 8;

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    block_on(recovery(setup, size))
}

async fn recovery(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let folder = setup.folder("recovery")?;
    let at = Reserved::new()?;
    // Of 1,024 bytes each: 1 GB, then 16 MB.
    let old = Fill::new("old", PARTITIONS, size.pick(976_563, 97_657));
    let new = old.then(size.pick(15_625, 7_813));
    let node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
    old.create(&node.kafka).await?;
    old.write(&node.kafka).await?;
    progress(format_args!("recovery: {} written", mib(old.bytes())));
    // A clean stop checkpoints everything.
    node.terminate()?;
    let node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
    new.write(&node.kafka).await?;
    let lag = Metrics::read(&node.http)?.sum("chronik_checkpoint_lag_bytes", "")?;
    node.kill()?;
    let cold = drop_caches();
    // The kernel reads the binary for the process too, which is not what this is about.
    std::fs::read(setup.chronik()).map_err(Failure::io("the binary"))?;
    let begun = Instant::now();
    let node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
    let taken = begun.elapsed();
    let read = BytesRead::of(node.pid())?;
    let most = read.by_calls.max(read.from_disk);
    let reading = new.read(&node.kafka).await?;
    node.kill()?;
    let mut outcome = Outcome::default();
    outcome.judge(
        format!(
            "bytes read by a start after `kill -9`, log of {}, {} not checkpointed",
            mib(old.bytes() + new.bytes()),
            mib(lag)
        ),
        "less than 64 MB",
        format!(
            "{} by system calls, {} from the disk{}",
            mib(read.by_calls),
            mib(read.from_disk),
            if cold { "" } else { " (page cache warm)" }
        ),
        most < READ_MAX,
    );
    outcome.judge(
        "records readable after that start",
        "all",
        format!(
            "{} of {}",
            reading.records(),
            (old.records() + new.records())
        ),
        reading.is_complete(&new),
    );
    outcome.figure("the same start, to ready", millis(taken));
    outcome.figure("data directory", mib(size_of(folder.path())));
    Ok(outcome)
}

/// Writes everything back and empties the page cache, where we may.
fn drop_caches() -> bool {
    let synced = tools::run(&mut Command::new("sync")).is_ok();
    synced && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

/// Bytes of all files below a folder.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
