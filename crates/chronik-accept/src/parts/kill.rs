//! `kill -9`, again and again, under idempotent load over several partitions with up to five
//! batches in flight each: nothing may be lost, moved or there twice (I1, I2, I7, I13).

use crate::judge::judge;
use crate::load::Load;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size};

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    block_on(kill(setup, size.pick(20, 3)))
}

async fn kill(setup: &Setup, rounds: u64) -> Result<Outcome, Failure> {
    let folder = setup.folder("kill")?;
    let at = Reserved::new()?;
    let mut node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
    let mut load = Load::start(&node.kafka).await?;
    for round in 1..=rounds {
        // Not always at the same point of a window.
        load.progress(700 + round * 337 % 500).await?;
        node.kill()?;
        node = Node::start(setup.chronik(), folder.path(), &at, &[])?;
        progress(format_args!("kill: {round} of {rounds}"));
    }
    load.progress(100).await?;
    let recorder = load.finish().await?;
    let keep = setup.work.join("kill-history.jsonl");
    let judgement = judge(&node.kafka, &recorder, &keep).await?;
    let mut outcome = Outcome::default();
    outcome.judge(
        format!("{rounds} times `kill -9` under idempotent load"),
        "nothing acknowledged is lost, moved or duplicated",
        judgement.summary(),
        judgement.broken.is_empty(),
    );
    Ok(outcome)
}
