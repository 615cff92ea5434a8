//! `cargo xtask compare`: Chronik beside a real Kafka, in one interleaved run on one machine.
//!
//! The figure is the broker's processor time per GB: on a shared machine it repeats within a few
//! percent where throughput does not. Rules, each kept by the part that is named:
//! - broker on core 0, client on core 1, one broker running at a time (`broker`);
//! - both warm, the page cache full before each run (`workload`, `machine`);
//! - pairs in the order A B B A, the first pair discarded (here);
//! - what was produced is read back and counted before its figure counts (`workload`);
//! - a target is met when eight pairs of nine meet it (`stats`, `report`).
//!
//! Runs are written to `target/compare/` as they end, the page at the end. Not resumable.

mod broker;
mod cpu;
mod machine;
mod report;
mod stats;
mod workload;

use crate::process::{self, cargo, create_dir, installed, root, run_logged, target};
use crate::rdkafka;
use broker::{Broker, System};
use std::path::PathBuf;
use std::time::Duration;
use workload::{Runs, Session};

const BUILD_MAX: Duration = Duration::from_secs(1800);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Three pairs and a short warm-up, within 20 minutes; claims little
    #[arg(long)]
    quick: bool,
    /// Measure this alone: produce (and catch-up), latency, tail; may be given several times
    #[arg(long, value_name = "WORKLOAD")]
    only: Vec<String>,
    /// Pairs after the discarded one
    #[arg(long)]
    pairs: Option<usize>,
    /// Records of 1 KiB in a produce run
    #[arg(long)]
    records: Option<u64>,
    /// Records of 1 KiB that warm each broker
    #[arg(long)]
    warmup_records: Option<u64>,
    /// Measured seconds of a latency run; 22 make 100,000 samples
    #[arg(long)]
    seconds: Option<f64>,
    /// Leave free memory free: for trying things out, kernel times mean little then
    #[arg(long)]
    no_fill: bool,
    /// A node to measure instead of this checkout's release build
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where the page goes
    #[arg(long, default_value = "docs/results/compare.md")]
    page: PathBuf,
}

/// How much is measured.
pub(crate) struct Plan {
    pairs: usize,
    records: u64,
    warmup_records: u64,
    latency_seconds: f64,
    tail_seconds: f64,
    fill: bool,
    only: Vec<String>,
}

/// What a claim needs: pairs, records of warm-up, and seconds of latency at 4,883 records each.
const CLAIM_PAIRS: usize = 9;
const CLAIM_WARMUP: u64 = 20_000_000;
const CLAIM_SECONDS: f64 = 20.5;

const WORKLOADS: [&str; 3] = ["produce", "latency", "tail"];

impl Plan {
    fn of(args: &Args) -> Result<Self, String> {
        let base = if args.quick {
            (3, 2_000_000, 5_000_000, 22.0, 8.0)
        } else {
            (9, 4_000_000, 20_000_000, 25.0, 20.0)
        };
        let known = |name: &&String| !WORKLOADS.contains(&name.as_str());
        if let Some(unknown) = args.only.iter().find(known) {
            return Err(format!(
                "no workload {unknown}; there are {}",
                WORKLOADS.join(", ")
            ));
        }
        let latency_seconds = args.seconds.unwrap_or(base.3);
        Ok(Self {
            pairs: args.pairs.unwrap_or(base.0),
            records: args.records.unwrap_or(base.1),
            warmup_records: args.warmup_records.unwrap_or(base.2),
            latency_seconds,
            tail_seconds: args.seconds.unwrap_or(base.4),
            fill: !args.no_fill,
            only: args.only.clone(),
        })
    }

    /// Why nothing can be claimed from so little; empty for the full form.
    fn shortfalls(&self) -> Vec<String> {
        let short = |is: bool, what: String| is.then_some(what);
        [
            short(
                self.pairs < CLAIM_PAIRS,
                format!("{} pairs of {CLAIM_PAIRS}", self.pairs),
            ),
            short(
                self.warmup_records < CLAIM_WARMUP,
                format!(
                    "{} records of warm-up, while Kafka's virtual machine wants {CLAIM_WARMUP}",
                    self.warmup_records
                ),
            ),
            short(
                self.latency_seconds < CLAIM_SECONDS && self.measures("latency"),
                "fewer than 100,000 latencies in a run".to_owned(),
            ),
            short(!self.fill, "free memory, not a full page cache".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn measures(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == workload)
    }
}

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let plan = Plan::of(args)?;
    if !installed("taskset") {
        return Err("taskset is not installed (Debian: util-linux)".to_owned());
    }
    let folder = target().join("compare");
    create_dir(&folder)?;
    let log = folder.join("compare.log");
    let _ = std::fs::remove_file(&log);
    let shown = |result: Result<PathBuf, String>| {
        result.map_err(|reason| format!("{}\n{reason}", process::tail(&log, 40)))
    };
    println!("building");
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            let mut build = cargo(["build", "--release", "--locked", "-p", "chronik"]);
            let built = run_logged(&mut build, &log, BUILD_MAX);
            shown(built.map(|()| release("chronik")))?
        }
    };
    let client = shown(rdkafka::build(&log))?;

    let scratch = Scratch::new(folder.join("run"))?;
    let node_log = folder.join("chronik.log");
    let _ = std::fs::remove_file(&node_log);
    let facts = report::Facts::gather(&binary, &client, &scratch.0)?;
    let runs = Runs::new(&folder.join(format!("{}.jsonl", facts.stamp())))?;
    let chronik = Broker::chronik(&binary, &scratch.0, &node_log)?;
    let mut session = Session::new(&plan, &client, &scratch.0, runs);
    session.warm(&chronik)?;
    chronik.pause();
    let kafka = Broker::kafka(&scratch.0)?;
    session.warm(&kafka)?;
    kafka.pause();
    measure(&plan, &mut session, &[chronik, kafka])?;

    let page = root().join(&args.page);
    if let Some(folder) = page.parent() {
        create_dir(folder)?;
    }
    let text = report::page(&plan, &facts, &session.runs);
    std::fs::write(&page, text).map_err(|e| format!("{}: {e}", page.display()))?;
    println!("{}", report::targets(&session.runs).join("\n"));
    println!("{}", report::claim(&plan));
    println!("page: {}", page.display());
    Ok(())
}

/// Every workload, in pairs; pair 0 is the one that nobody counts.
fn measure(plan: &Plan, session: &mut Session<'_>, brokers: &[Broker; 2]) -> Result<(), String> {
    for workload in WORKLOADS.into_iter().filter(|name| plan.measures(name)) {
        for pair in 0..=plan.pairs {
            for system in order(pair) {
                let broker = brokers.iter().find(|broker| broker.system == system);
                let broker = broker.ok_or("both brokers run")?;
                broker.resume();
                session.settle(broker)?;
                match workload {
                    "produce" => session.produce_and_catch_up(broker, pair)?,
                    "latency" => session.latency(broker, pair)?,
                    _ => session.tail(broker, pair)?,
                }
                broker.pause();
            }
            if workload == "produce" {
                session.bare("window", pair)?;
                session.bare("fixed", pair)?;
            }
        }
    }
    Ok(())
}

/// A B, then B A, and so on: what drifts hits both alike.
fn order(pair: usize) -> [System; 2] {
    match pair % 2 {
        0 => [System::Chronik, System::Kafka],
        _ => [System::Kafka, System::Chronik],
    }
}

/// Where cargo puts a binary of the release profile.
fn release(name: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(target, PathBuf::from);
    root().join(folder).join("release").join(name)
}

/// The folder of one comparison, on the checkout's filesystem; gone when the comparison is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: PathBuf) -> Result<Self, String> {
        // What a comparison that was killed has left.
        let _ = std::fs::remove_dir_all(&folder);
        create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_form_claims() {
        let mut plan = Plan {
            pairs: 9,
            records: 4_000_000,
            warmup_records: 20_000_000,
            latency_seconds: 25.0,
            tail_seconds: 20.0,
            fill: true,
            only: Vec::new(),
        };
        assert_eq!(plan.shortfalls(), Vec::<String>::new());
        plan.pairs = 3;
        plan.warmup_records = 5_000_000;
        assert_eq!(plan.shortfalls().len(), 2);
        plan.fill = false;
        plan.latency_seconds = 20.0;
        assert_eq!(plan.shortfalls().len(), 4);
    }

    #[test]
    fn pairs_alternate_their_order() {
        let names: Vec<&str> = (0..4).flat_map(order).map(System::name).collect();
        let (a, b) = ("chronik", "kafka");
        assert_eq!(names, [a, b, b, a, a, b, b, a]);
    }
}
