//! From `exec` to the first acknowledged record: the client is there before the node, tries to
//! connect every millisecond, creates a topic and writes 1 KiB with acks=all.

use std::path::Path;
use std::time::{Duration, Instant};

use chronik_client::Connection;

use super::{median, millis};
use crate::batches::{
    GIVE_UP, PAUSE, PRODUCE, batch_of_one, check_produced, create_topic, produce_request,
};
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size};

const MEDIAN_MAX: Duration = Duration::from_millis(100);
const WORST_MAX: Duration = Duration::from_millis(500);

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    block_on(start(setup, size))
}

async fn start(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let times = size.pick(20, 5);
    let mut taken = Vec::new();
    for time in 1..=times {
        let folder = setup.folder("start")?;
        taken.push(once(setup, folder.path()).await?);
        progress(format_args!(
            "start: {time} of {times}, {}",
            millis(taken[time - 1])
        ));
    }
    let middle = median(&mut taken);
    let (best, worst) = (taken[0], taken[times - 1]);
    // On a busy machine only the best of a few says something about the node.
    let judged = size.pick(middle, best);
    let mut outcome = Outcome::default();
    outcome.judge(
        format!(
            "start to first acknowledged produce, {} of {times}",
            size.pick("median", "best")
        ),
        "below 100 ms",
        millis(judged),
        judged < size.bound(MEDIAN_MAX),
    );
    outcome.judge(
        "the same, worst",
        "below 500 ms",
        millis(worst),
        worst < size.bound(WORST_MAX),
    );
    Ok(outcome)
}

/// One start on an empty directory.
async fn once(setup: &Setup, folder: &Path) -> Result<Duration, Failure> {
    let at = Reserved::new()?;
    let address = at.address();
    let record = batch_of_one(0, 1024)?;
    let class = [("CHRONIK_DURABILITY", "quorum-fsync")];
    let begun = Instant::now();
    let _node = Node::spawn(setup.chronik(), folder, &at, &class)?;
    let connection = loop {
        match Connection::connect(&address).await {
            Ok(connection) => break connection,
            Err(error) if begun.elapsed() > GIVE_UP => return Err(error.into()),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    };
    create_topic(&connection, "first", 1).await?;
    let request = produce_request("first", 0, record);
    check_produced(&connection.call(&request, PRODUCE).await?)?;
    Ok(begun.elapsed())
}
