//! Resident memory of a node that nobody asks anything, empty and with a million records.

use std::time::Duration;

use super::{median, mib};
use crate::fill::Fill;
use crate::process::resident_bytes;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, SLACK, Setup, Size};

const EMPTY_MAX: u64 = 20 << 20;
const FILLED_MAX: u64 = 32 << 20;

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    block_on(rest(setup, size))
}

async fn rest(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let times = size.pick(5, 1);
    let idle = size.pick(Duration::from_secs(30), Duration::from_secs(2));
    let slack = u64::from(size.pick(1, SLACK));
    let mut outcome = Outcome::default();
    let mut empty = Vec::new();
    for time in 1..=times {
        let folder = setup.folder("rest")?;
        empty.push(at_rest(setup, folder.path(), idle).await?);
        progress(format_args!("rest: empty, {time} of {times}"));
    }
    let empty = median(&mut empty);
    outcome.judge(
        format!(
            "VmRSS {} s after start, empty, median of {times}",
            idle.as_secs()
        ),
        "below 20 MiB",
        mib(empty),
        empty < EMPTY_MAX * slack,
    );
    let folder = setup.folder("rest")?;
    let at = Reserved::new()?;
    let node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
    let fill = Fill::new("million", 16, size.pick(1_000_000, 20_000));
    fill.create(&node.kafka).await?;
    fill.write(&node.kafka).await?;
    node.terminate()?;
    let mut filled = Vec::new();
    for time in 1..=times {
        filled.push(at_rest(setup, folder.path(), idle).await?);
        progress(format_args!("rest: filled, {time} of {times}"));
    }
    let filled = median(&mut filled);
    outcome.judge(
        format!(
            "the same with {} records of 1 KiB, after a restart",
            fill.records()
        ),
        "below 32 MiB",
        mib(filled),
        filled < FILLED_MAX * slack,
    );
    Ok(outcome)
}

/// Starts a node with defaults, leaves it alone, and looks.
async fn at_rest(setup: &Setup, data: &std::path::Path, idle: Duration) -> Result<u64, Failure> {
    let at = Reserved::new()?;
    let node = Node::start(setup.chronik(), data, &at, &[])?;
    tokio::time::sleep(idle).await;
    let bytes = resident_bytes(node.pid())?;
    node.terminate()?;
    Ok(bytes)
}
