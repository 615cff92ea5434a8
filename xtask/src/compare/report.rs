//! The page of a comparison: what was compared, how, the tables, and which targets are met.

use super::Plan;
use super::broker::{System, kafka_flags};
use super::machine::{self, said};
use super::stats::{Agreement, median, needed, spread};
use super::workload::Runs;
use crate::setup::KAFKA_VERSION;
use std::fmt::Write;
use std::path::Path;

const CHRONIK: &str = "chronik";
const KAFKA: &str = "kafka";

/// What a reader needs to judge a figure.
pub(super) struct Facts {
    time: String,
    commit: String,
    machine: String,
    sync_ms: (f64, f64),
    chronik: String,
    client: String,
    java: String,
}

impl Facts {
    pub(super) fn gather(binary: &Path, client: &Path, dir: &Path) -> Result<Self, String> {
        let changed = said("git", &["status", "--porcelain", "--untracked-files=no"]) != "nothing";
        let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
        Ok(Self {
            time: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            commit: format!("{commit}{}", if changed { " with changes" } else { "" }),
            machine: machine::describe(dir),
            sync_ms: machine::sync_times(dir)?,
            chronik: said(&binary.display().to_string(), &["--version"]),
            client: said(&client.display().to_string(), &["version"]),
            java: said("java", &["-version"]),
        })
    }

    /// The time, as a file name.
    pub(super) fn stamp(&self) -> String {
        let digits = self.time.chars().filter(char::is_ascii_digit);
        digits.collect()
    }
}

pub(super) fn page(plan: &Plan, facts: &Facts, runs: &Runs) -> String {
    let mut page = format!(
        "# Comparison with Apache Kafka {KAFKA_VERSION}\n\nMade by `cargo xtask compare`; \
         rewritten, never edited.\n\n## Targets\n\n"
    );
    for line in targets(runs) {
        let _ = writeln!(page, "- {line}");
    }
    let _ = writeln!(page, "\n{}", claim(plan));
    let _ = writeln!(
        page,
        "\nA target is met when at least {} of the {} pairs meet it, each by itself.",
        needed(plan.pairs),
        plan.pairs
    );
    page.push_str(&conditions(plan, facts, runs));
    for (workload, title) in [
        (
            "produce",
            "Produce: 1 KiB, 16 partitions, acks=all, 64 KiB batches",
        ),
        (
            "catch-up",
            "Catch-up: the same records read back from the page cache",
        ),
        (
            "tail",
            "Tail: a consumer follows 10 MB/s of 1 KiB on 4 partitions",
        ),
        (
            "latency",
            "End to end: 5 MB/s of 1 KiB on 4 partitions, open loop",
        ),
    ] {
        if plan.measures(if workload == "catch-up" {
            "produce"
        } else {
            workload
        }) {
            page.push_str(&table(workload, title, runs));
        }
    }
    page
}

/// Whether the lines above it are a claim, and if not, why.
pub(super) fn claim(plan: &Plan) -> String {
    match plan.shortfalls().as_slice() {
        [] => "Measured in the full form.".to_owned(),
        reasons => format!("**No claim**: {}.", reasons.join("; ")),
    }
}

fn conditions(plan: &Plan, facts: &Facts, runs: &Runs) -> String {
    let (median_ms, p99_ms) = facts.sync_ms;
    let raw = runs.path.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "\n## What was compared, and how\n\n\
         | | |\n|---|---|\n\
         | date | {} |\n| machine | {} |\n\
         | `fdatasync` after 4 KiB | p50 {median_ms:.2} ms, p99 {p99_ms:.2} ms |\n\
         | commit | {} |\n| Chronik | {}; defaults, durability class `quorum-fsync` |\n\
         | Kafka | {KAFKA_VERSION}, {}; one combined node, default durability (page cache) |\n\
         | Kafka's flags | `{}` |\n| client | {}, built by `tests/clients/rdkafka` |\n\
         | warm-up | {} records of 1 KiB written and read, each broker |\n\
         | a produce run | {} records |\n| pairs | {} after a discarded one |\n\
         | raw figures | `target/compare/{raw}` |\n\n\
         Broker on core 0, client on core 1. Both brokers stay up, and the one that is not measured \
         is stopped with SIGSTOP: a restart would throw away what the virtual machine compiled. After \
         each change 50,000 records are written that do not count. Pairs run in the order A B B A. \
         {} Produced records are read back, each once, before \
         the figure counts; then their topic is deleted and its files are gone \
         before the next run. GB is 10^9 bytes of payload. CPU is nanoseconds of the broker's threads \
         (`schedstat`); user and kernel time are in steps of 10 ms. Work that the kernel does for the \
         disk in threads of its own is charged to neither. Entries are the median of the pairs \
         [lowest, highest]; ratios are Chronik's figure by Kafka's, pair by pair.\n",
        facts.time,
        facts.machine,
        facts.commit,
        facts.chronik,
        facts.java,
        kafka_flags(),
        facts.client,
        plan.warmup_records,
        plan.records,
        plan.pairs,
        if plan.fill {
            "The page cache is full before every run."
        } else {
            "The page cache was NOT filled: kernel times mean little."
        },
    )
}

/// Figure, heading, decimals; in the order of the table.
fn figures(workload: &str) -> &'static [(&'static str, &'static str, usize)] {
    match workload {
        "produce" | "catch-up" => &[
            ("cpu_per_gb", "CPU-s/GB", 3),
            ("user_per_gb", "user", 3),
            ("kernel_per_gb", "kernel", 3),
            ("mb_per_s", "MB/s", 0),
            ("core_busy", "broker's core busy", 2),
        ],
        "tail" => &[
            ("cpu_per_gb", "CPU-s/GB of following", 3),
            ("load_cpu_per_gb", "CPU-s/GB of the load alone", 3),
            ("fetch_bytes_mean", "bytes in a fetch", 0),
        ],
        _ => &[
            ("p50_ms", "p50, ms", 3),
            ("p99_ms", "p99, ms", 3),
            ("p999_ms", "p99.9, ms", 3),
            ("max_ms", "max, ms", 1),
            ("samples", "samples a run", 0),
            ("window_ms", "journal window, ms", 3),
            ("cpu_per_gb", "CPU-s/GB", 3),
        ],
    }
}

fn table(workload: &str, title: &str, runs: &Runs) -> String {
    let mut table = format!("\n## {title}\n\n| | Chronik | Kafka | ratio |\n|---|---|---|---|\n");
    for (figure, heading, decimals) in figures(workload) {
        let of = |system: System| runs.column(workload, system.name(), figure);
        let (ours, theirs) = (of(System::Chronik), of(System::Kafka));
        let cell = |values: &[f64], decimals| match values.len() {
            0 => "–".to_owned(),
            _ => spread(values, decimals),
        };
        let ratios = ratios(&ours, &theirs);
        let (ours, theirs) = (cell(&ours, *decimals), cell(&theirs, *decimals));
        let ratios = cell(&ratios, 2);
        let _ = writeln!(table, "| {heading} | {ours} | {theirs} | {ratios} |");
    }
    if workload == "produce" {
        for (variant, what) in [("window", "window"), ("fixed", "512 KiB")] {
            let cpu = runs.column("bare", variant, "cpu_per_gb");
            let rate = runs.column("bare", variant, "mb_per_s");
            let _ = writeln!(
                table,
                "\nThe bare program, a sync per {what}: {} CPU-s/GB at {} MB/s.",
                spread(&cpu, 3),
                spread(&rate, 0)
            );
        }
    }
    table
}

fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(a, b)| a / b).collect()
}

/// A line for each target that was measured: met or missed, by how many pairs, and the medians.
pub(super) fn targets(runs: &Runs) -> Vec<String> {
    let [produce, tail] = ["produce", "tail"].map(|workload| {
        let of = |system| runs.column(workload, system, "cpu_per_gb");
        (of(CHRONIK), of(KAFKA))
    });
    let latency = |figure| {
        let of = |system| runs.column("latency", system, figure);
        (of(CHRONIK), of(KAFKA))
    };
    let produce_limits: Vec<f64> = floor(runs)
        .iter()
        .zip(&produce.1)
        .map(|(floor, kafka)| (0.5 * kafka).max(1.3 * floor))
        .collect();
    let tail_limits: Vec<f64> = tail.1.iter().map(|kafka| 0.7 * kafka).collect();
    let p50 = latency("p50_ms");
    let window = runs.column("latency", CHRONIK, "window_ms");
    let p50_limits: Vec<f64> = p50.1.iter().zip(&window).map(|(k, w)| k + w).collect();
    let (p99, p999) = (latency("p99_ms"), latency("p999_ms"));
    [
        verdict(
            "produce, CPU-s/GB at most the larger of 0.5 x Kafka's and 1.3 x the bare program's \
             cheaper variant",
            &produce.0,
            &produce_limits,
        ),
        verdict(
            "tail fetches, CPU-s/GB at most 0.7 x Kafka's",
            &tail.0,
            &tail_limits,
        ),
        verdict("end to end, p99 ms below Kafka's", &p99.0, &p99.1),
        verdict("end to end, p99.9 ms below Kafka's", &p999.0, &p999.1),
        verdict(
            "end to end, p50 ms at most one journal window above Kafka's",
            &p50.0,
            &p50_limits,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The cheaper variant of the bare program, pair by pair.
fn floor(runs: &Runs) -> Vec<f64> {
    let of = |variant| runs.column("bare", variant, "cpu_per_gb");
    let (window, fixed) = (of("window"), of("fixed"));
    window
        .iter()
        .zip(&fixed)
        .map(|(one, other)| one.min(*other))
        .collect()
}

fn verdict(target: &str, ours: &[f64], limits: &[f64]) -> Option<String> {
    if ours.is_empty() || ours.len() != limits.len() {
        return None;
    }
    let agreement = Agreement::of(ours.iter().zip(limits).map(|(ours, limit)| ours <= limit));
    let word = if agreement.met() { "met" } else { "missed" };
    let Agreement { held, pairs } = agreement;
    Some(format!(
        "**{word}** ({held} of {pairs} pairs): {target}: {:.3}, limit {:.3} (medians)",
        median(ours),
        median(limits)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_pair_by_pair_not_by_medians() {
        let line = |ours: &[f64]| verdict("less", ours, &[1.0, 1.0, 1.0]).expect("measured");
        assert!(line(&[0.9, 0.8, 1.0]).starts_with("**met** (3 of 3 pairs)"));
        assert!(line(&[0.1, 0.1, 1.1]).starts_with("**missed** (2 of 3 pairs)"));
        assert_eq!(verdict("less", &[], &[]), None);
    }
}
