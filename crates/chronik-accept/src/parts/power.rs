//! Power cuts under load, each on what the last one left (I1, I2, I7, I13).
//!
//! The node stands still while its disk is copied, so what it acknowledged it acknowledged before
//! the copy began. A control run with `quorum-memory`, which promises nothing here, has to lose
//! records: otherwise the cut is no cut, and the run proves nothing.

use std::path::Path;
use std::sync::Arc;

use crate::image::Image;
use crate::judge::{Judgement, judge};
use crate::load::Load;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size, tools};

/// Small journal files and frequent checkpoints: every round goes through all of them.
const SMALL: [(&str, &str); 2] = [
    ("CHRONIK_JOURNAL_FILE_BYTES", "8388608"),
    ("CHRONIK_CHECKPOINT_MAX_BYTES", "4194304"),
];

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    if let Some(reason) = impossible(setup)? {
        outcome.skip(setup, "power", &reason)?;
        return Ok(outcome);
    }
    let rounds = size.pick(20, 3);
    let keep = setup.work.join("power-history.jsonl");
    let judgement = block_on(cut(setup, rounds, "quorum-fsync", &keep))?;
    outcome.judge(
        format!("{rounds} power cuts in a row under idempotent load"),
        "nothing acknowledged is lost",
        judgement.summary(),
        judgement.broken.is_empty(),
    );
    let keep = setup.work.join("power-control-history.jsonl");
    let mut control = block_on(cut(setup, 1, "quorum-memory", &keep))?;
    let lost = !control.broken.is_empty();
    // How many is enough to know; which they are is of no interest.
    control.broken.iter_mut().for_each(String::clear);
    let _ = std::fs::remove_file(&keep);
    outcome.judge(
        "control: one power cut with `quorum-memory`",
        "the checker sees the loss",
        control.summary(),
        lost,
    );
    Ok(outcome)
}

/// Why this machine cannot do it, if it cannot.
fn impossible(setup: &Setup) -> Result<Option<String>, Failure> {
    if !tools::is_root() {
        return Ok(Some("needs root, to mount".to_owned()));
    }
    let probe = setup.folder("power")?;
    let made = Image::create(probe.path());
    Ok(made.err().map(|failure| failure.to_string()))
}

async fn cut(
    setup: &Setup,
    rounds: u64,
    durability: &str,
    keep: &Path,
) -> Result<Judgement, Failure> {
    let work = setup.folder("power")?;
    // Dropped before the folder that its image is in, after the node that is on it.
    let image = Image::create(work.path())?;
    let data = image.folder().join("data");
    let at = Reserved::new()?;
    let mut environment = SMALL.to_vec();
    environment.push(("CHRONIK_DURABILITY", durability));
    let mut node = Node::start(setup.chronik(), &data, &at, &environment)?;
    let mut load = Load::start(&node.kafka).await?;
    for round in 1..=rounds {
        load.progress(1500 + round * 337 % 1000).await?;
        node.pause()?;
        image.copy()?;
        node.kill()?;
        image.go_on_from_the_copy()?;
        node = Node::start(setup.chronik(), &data, &at, &environment)?;
        progress(format_args!("power ({durability}): {round} of {rounds}"));
    }
    load.progress(100).await?;
    let recorder = load.finish().await?;
    let judgement = judge(&node.kafka, &Arc::clone(&recorder), keep).await?;
    node.kill()?;
    Ok(judgement)
}
