//! Fetches that wait for a record: a thousand of them may cost next to nothing while none comes,
//! and all of them are answered when one comes.

use std::time::Duration;

use chronik_client::{Connection, ConnectionOptions};
use tokio::task::JoinSet;

use super::millis;
use crate::batches::{
    FETCH, PRODUCE, batch_of_one, check_produced, create_topic, fetch_request, produce_request,
};
use crate::process::Cpu;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size, tools};

/// CPU per minute that is allowed.
const CPU_MAX: Duration = Duration::from_millis(20);
const MINUTE: Duration = Duration::from_secs(60);

/// How long a fetch may wait at the node.
const MAX_WAIT: Duration = Duration::from_secs(180);

/// Little to fill, where there is little time to wait until that is done.
const SMALL: [(&str, &str); 1] = [("CHRONIK_JOURNAL_FILE_BYTES", "1048576")];

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    block_on(parked(setup, size))
}

async fn parked(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let count = size.pick(1000, 200);
    let idle = size.pick(MINUTE, MINUTE / 12);
    // A new node fills its next journal file, and threads without work go away after 10 s.
    let settle = size.pick(MINUTE / 4, Duration::from_secs(1));
    tools::raise_open_files()?;
    let folder = setup.folder("parked")?;
    let at = Reserved::new()?;
    let node = Node::start(
        setup.chronik(),
        folder.path(),
        &at,
        size.pick(&[][..], &SMALL[..]),
    )?;
    let writer = Connection::connect(&node.kafka).await?;
    create_topic(&writer, "quiet", 1).await?;
    let options = ConnectionOptions {
        request_timeout: MAX_WAIT * 2,
        ..ConnectionOptions::default()
    };
    let alone = cpu_of_idle(&node, settle, idle).await?;
    let mut waiting = JoinSet::new();
    for _ in 0..count {
        let connection = Connection::connect_with(&node.kafka, options.clone()).await?;
        let wait_ms = MAX_WAIT.as_millis() as i32;
        waiting.spawn(connection.send(&fetch_request("quiet", wait_ms), FETCH));
    }
    progress(format_args!(
        "parked: {count} fetches wait, {} s",
        idle.as_secs()
    ));
    let used = cpu_of_idle(&node, settle, idle).await?;
    if let Some(early) = waiting.try_join_next() {
        return Err(Failure::new(format!("a fetch did not wait: {early:?}")));
    }
    let record = produce_request("quiet", 0, batch_of_one(0, 100)?);
    check_produced(&writer.call(&record, PRODUCE).await?)?;
    let mut answered = 0;
    while let Some(answer) = waiting.join_next().await {
        let answer = answer.map_err(|e| Failure::new(format!("a fetch died: {e}")))??;
        let partition = answer.responses.iter().flat_map(|topic| &topic.partitions);
        let bytes = partition
            .filter_map(|p| p.records.as_ref())
            .map(|r| r.len());
        answered += usize::from(bytes.sum::<usize>() > 0);
    }
    let mut outcome = Outcome::default();
    let target = CPU_MAX.mul_f64(idle.as_secs_f64() / MINUTE.as_secs_f64());
    outcome.judge(
        format!(
            "CPU of {count} parked fetches in {} idle seconds",
            idle.as_secs()
        ),
        format!("below {}", millis(target)),
        millis(used),
        // So few milliseconds are within what neighbours do to a process in a few seconds: the short
        // form looks at what the fetches add, allows a minute's worth, and sees anything that polls.
        match size {
            Size::Long => used < target,
            Size::Short => used.saturating_sub(alone) < CPU_MAX,
        },
    );
    outcome.judge(
        "parked fetches answered with the first record that comes",
        "all",
        format!("{answered} of {count}"),
        answered == count,
    );
    outcome.figure("CPU of the same node without them, as long", millis(alone));
    Ok(outcome)
}

/// What a node uses that is left alone.
async fn cpu_of_idle(node: &Node, settle: Duration, idle: Duration) -> Result<Duration, Failure> {
    tokio::time::sleep(settle).await;
    let before = Cpu::of(node.pid())?;
    tokio::time::sleep(idle).await;
    Ok(Cpu::of(node.pid())?.since(&before))
}
