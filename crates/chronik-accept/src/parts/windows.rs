//! One `fdatasync` per commit window, whatever the number of partitions: what `strace` sees on the
//! journal is compared with the windows the node counts itself.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chronik_client::Connection;
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;

use crate::batches::{PRODUCE, batch_of_one, check_produced, create_topic, produce_request};
use crate::metrics::Metrics;
use crate::setup::{block_on, progress};
use crate::{Failure, Node, Outcome, Reserved, Setup, Size, tools};

const CONNECTIONS: u64 = 8;
/// Requests under way on each connection.
const PIPELINE: usize = 8;
const VALUE_BYTES: usize = 200;

/// What a window that is open while counting begins or ends may make of a difference.
const ROUNDING: u64 = 2;

pub(super) fn run(setup: &Setup, size: Size) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    if !tools::is_there("strace", "-V") {
        outcome.skip(setup, "windows", "strace is not installed")?;
        return Ok(outcome);
    }
    let requests = size.pick(20_000, 1_000);
    for partitions in [1, 100] {
        let counted = block_on(count(setup, partitions, requests))?;
        progress(format_args!(
            "windows: {partitions} partitions, {counted:?}"
        ));
        counted.judge(partitions, &mut outcome);
    }
    Ok(outcome)
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    requests: u64,
    /// By the node's own account.
    windows: u64,
    /// Seen from outside.
    journal_syncs: u64,
    other_syncs: u64,
}

impl Counted {
    fn judge(self, partitions: i32, outcome: &mut Outcome) {
        let per_thousand = |count: u64| count as f64 * 1e3 / self.requests as f64;
        outcome.judge(
            format!("`fdatasync` of the journal, load over {partitions} partitions"),
            "one per commit window",
            format!(
                "{} in {} windows; per 1,000 acknowledged requests {:.1}, and {:.1} of other files",
                self.journal_syncs,
                self.windows,
                per_thousand(self.journal_syncs),
                per_thousand(self.other_syncs)
            ),
            self.windows > 0 && self.journal_syncs.abs_diff(self.windows) <= ROUNDING,
        );
    }
}

async fn count(setup: &Setup, partitions: i32, requests: u64) -> Result<Counted, Failure> {
    let folder = setup.folder("windows")?;
    let data = folder.path().join("data");
    let at = Reserved::new()?;
    let node = Node::start(setup.chronik(), &data, &at, &[])?;
    let first = Connection::connect(&node.kafka).await?;
    create_topic(&first, "counted", partitions).await?;
    // Every partition has its files before counting begins.
    load(
        &node.kafka,
        partitions,
        2 * partitions.unsigned_abs() as u64,
    )
    .await?;
    let trace = folder.path().join("trace");
    let strace = Strace::attach(node.pid(), &trace)?;
    let windows = || Metrics::read(&node.http)?.sum("chronik_journal_windows", "");
    let before = windows()?;
    load(&node.kafka, partitions, requests).await?;
    let after = windows()?;
    strace.detach()?;
    let trace = std::fs::read(&trace).map_err(Failure::io("the trace"))?;
    let (journal_syncs, other_syncs) = syncs(&String::from_utf8_lossy(&trace));
    node.terminate()?;
    Ok(Counted {
        requests,
        windows: after - before,
        journal_syncs,
        other_syncs,
    })
}

/// Sends requests of one small batch each over several connections, round and round the partitions.
async fn load(kafka: &str, partitions: i32, requests: u64) -> Result<(), Failure> {
    let mut connections = JoinSet::new();
    for one in 0..CONNECTIONS {
        let connection = Connection::connect(kafka).await?;
        let share: Vec<u64> = (one..requests).step_by(CONNECTIONS as usize).collect();
        connections.spawn(send_all(connection, partitions, share));
    }
    while let Some(ended) = connections.join_next().await {
        ended.map_err(|e| Failure::new(format!("a client died: {e}")))??;
    }
    Ok(())
}

async fn send_all(
    connection: Connection,
    partitions: i32,
    numbers: Vec<u64>,
) -> Result<(), Failure> {
    let mut waiting = VecDeque::new();
    for number in numbers {
        if waiting.len() == PIPELINE {
            settle(waiting.pop_front()).await?;
        }
        let partition = (number % u64::from(partitions.unsigned_abs())) as i32;
        let records = batch_of_one(number, VALUE_BYTES)?;
        let request = produce_request("counted", partition, records);
        waiting.push_back(Box::pin(connection.send(&request, PRODUCE)));
    }
    while !waiting.is_empty() {
        settle(waiting.pop_front()).await?;
    }
    Ok(())
}

type Answered = Result<chronik_protocol::generated::ProduceResponse, chronik_client::ClientError>;

async fn settle(answer: Option<impl Future<Output = Answered>>) -> Result<(), Failure> {
    match answer {
        Some(answer) => check_produced(&answer.await?),
        None => Ok(()),
    }
}

/// `strace` on a running process; gone when dropped.
struct Strace(Child);

impl Strace {
    /// Attaches, and returns once it has.
    fn attach(pid: u32, trace: &Path) -> Result<Self, Failure> {
        let mut child = Command::new("strace")
            .args([
                "-f",
                "-y",
                "-e",
                "trace=fdatasync,fsync",
                "-p",
                &pid.to_string(),
                "-o",
            ])
            .arg(trace)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Failure::io("strace"))?;
        let stderr = child.stderr.take().expect("standard error is piped");
        let strace = Self(child);
        let mut lines = BufReader::new(stderr).lines();
        let said = lines.next().and_then(Result::ok).unwrap_or_default();
        // It goes on to say what it does; nobody listens, and its pipe must not break.
        std::thread::spawn(move || lines.for_each(drop));
        match said.contains("attached") {
            true => Ok(strace),
            false => Err(Failure::new(format!("strace does not attach: {said}"))),
        }
    }

    /// Lets the process go; the trace is complete when this returns.
    fn detach(mut self) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.0), Signal::INT)
            .map_err(|e| Failure::new(format!("strace: {e}")))?;
        self.0.wait().map(drop).map_err(Failure::io("strace"))
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Syncs of the journal and of other files; a call that was interrupted in the trace counts once.
fn syncs(trace: &str) -> (u64, u64) {
    let calls = trace
        .lines()
        .filter(|line| line.contains("fdatasync(") || line.contains("fsync("));
    let (journal, other): (Vec<&str>, Vec<&str>) = calls.partition(|c| c.contains("/journal/"));
    (journal.len() as u64, other.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_told_apart_by_their_file_and_counted_once() {
        let trace = "7 fdatasync(9</d/journal/1>) = 0\n\
                     7 fdatasync(9</d/journal/1> <unfinished ...>\n\
                     8 fsync(4</d/t-0>) = 0\n\
                     7 <... fdatasync resumed>) = 0\n";
        assert_eq!(syncs(trace), (2, 1));
    }

    #[test]
    fn more_syncs_than_windows_and_fewer_miss_the_target() {
        let counted = |journal_syncs| {
            let mut outcome = Outcome::default();
            let counted = Counted {
                requests: 1000,
                windows: 100,
                journal_syncs,
                other_syncs: 9,
            };
            counted.judge(1, &mut outcome);
            outcome.is_met()
        };
        assert!(counted(100));
        assert!(!counted(103));
        assert!(!counted(0), "a trace that saw nothing shows nothing");
    }
}
