//! The two brokers of a comparison, one of them running at a time.
//!
//! Both stay up for the whole comparison, pinned to core 0, because a virtual machine of Java
//! wants 20 million records before it is itself; the one that is not measured is stopped with
//! SIGSTOP, so it takes no processor time and keeps what it has learnt.

use crate::kafka::{self, JAVA_FLAGS};
use crate::node::Node;
use crate::process::{command, signal};
use std::path::Path;
use std::process::Command;

/// The core of a broker, and the one of its client.
pub(super) const BROKER_CORE: &str = "0";
pub(super) const CLIENT_CORE: &str = "1";

pub(super) const KAFKA_HEAP: &str = "1g";

/// What differs from Kafka's defaults. A stopped node must not lose its session, and files of
/// deleted topics must be gone before the next run; neither takes part in a run.
const KAFKA_SET: [&str; 2] = [
    "broker.session.timeout.ms=86400000",
    "log.segment.delete.delay.ms=100",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Chronik,
    Kafka,
}

impl System {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Chronik => "chronik",
            Self::Kafka => "kafka",
        }
    }
}

pub(super) struct Broker {
    pub(super) system: System,
    process: Process,
}

enum Process {
    Chronik(Node),
    Kafka(kafka::Running),
}

/// A command on the brokers' core.
fn on_broker_core(program: &'static str) -> Command {
    let mut pinned = command("taskset");
    pinned.args(["-c", BROKER_CORE, program]);
    pinned
}

/// A command on the clients' core.
pub(super) fn on_client_core(program: &Path) -> Command {
    let mut pinned = command("taskset");
    pinned.args(["-c", CLIENT_CORE]).arg(program);
    pinned
}

impl Broker {
    /// The node with its defaults on an empty directory below `dir`.
    pub(super) fn chronik(binary: &Path, dir: &Path, log: &Path) -> Result<Self, String> {
        let mut pinned = command("taskset");
        pinned.args(["-c", BROKER_CORE]).arg(binary);
        let node = Node::start_by(pinned, &dir.join("chronik"), log)?;
        Ok(Self {
            system: System::Chronik,
            process: Process::Chronik(node),
        })
    }

    /// One combined node with Kafka's defaults, but for `KAFKA_SET`.
    pub(super) fn kafka(dir: &Path) -> Result<Self, String> {
        let set = KAFKA_SET.map(str::to_owned).to_vec();
        let running = kafka::Running::start_by(on_broker_core, dir.join("kafka"), set, KAFKA_HEAP)?;
        Ok(Self {
            system: System::Kafka,
            process: Process::Kafka(running),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        match &self.process {
            Process::Chronik(node) => node.pid(),
            Process::Kafka(kafka) => kafka.pid(),
        }
    }

    pub(super) fn bootstrap(&self) -> String {
        match &self.process {
            Process::Chronik(node) => node.kafka.clone(),
            Process::Kafka(kafka) => kafka.bootstrap(),
        }
    }

    pub(super) fn pause(&self) {
        signal("STOP", self.pid());
    }

    pub(super) fn resume(&self) {
        signal("CONT", self.pid());
    }

    /// Journal windows so far and the microseconds their syncs took; none for Kafka.
    pub(super) fn journal(&self) -> Result<Option<Journal>, String> {
        match &self.process {
            Process::Chronik(node) => Journal::read(&node.get("/metrics")?).map(Some),
            Process::Kafka(_) => Ok(None),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A stopped process does not hear that it is to leave.
        self.resume();
    }
}

/// How Kafka runs, for the page.
pub(super) fn kafka_flags() -> String {
    format!(
        "-Xmx{KAFKA_HEAP} -Xms{KAFKA_HEAP} {}; {}",
        JAVA_FLAGS.join(" "),
        KAFKA_SET.join(" ")
    )
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Journal {
    windows: f64,
    sync_seconds: f64,
}

impl Journal {
    fn read(metrics: &str) -> Result<Self, String> {
        let gauge = |name: &str| {
            let value = metrics.lines().find_map(|line| {
                let (gauge, value) = line.split_once(' ')?;
                (gauge == name).then(|| value.trim().parse().ok())?
            });
            value.ok_or_else(|| format!("/metrics has no {name}"))
        };
        Ok(Self {
            windows: gauge("chronik_journal_windows")?,
            sync_seconds: gauge("chronik_journal_sync_seconds_sum")?,
        })
    }

    /// Milliseconds that a window's sync took on average since then.
    pub(super) fn window_ms(&self, before: &Self) -> f64 {
        (self.sync_seconds - before.sync_seconds) / (self.windows - before.windows) * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_the_mean_of_the_syncs_between_two_readings() {
        let page = |windows: u32, seconds: f64| {
            format!(
                "# TYPE chronik_journal_windows gauge\nchronik_journal_windows {windows}\n\
                 chronik_journal_sync_seconds_sum {seconds}\n"
            )
        };
        let read =
            |windows, seconds| Journal::read(&page(windows, seconds)).expect("both are there");
        assert_eq!(read(30, 10.0).window_ms(&read(10, 2.0)), 400.0);
        assert!(Journal::read("chronik_journal_windows 3\n").is_err());
    }
}
