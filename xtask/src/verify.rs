//! `cargo xtask verify`: everything that has to hold before a change lands, in stages.
//!
//! Each stage writes to `target/verify/STAGE.log`; a failed one shows the end of it and the others
//! still run. The last line is always `N passed, N failed, N skipped`, counted from the test
//! runners' own closing lines. A stage that fails without a failed test counts as one failure.
//!
//! Writes nothing outside `target/`; `cargo xtask fix` is the command that edits.

use crate::clients::{self, Broker};
use crate::process::{cargo, command, create_dir, in_ci, run_logged, tail, target};
use crate::{accept, codegen, rdkafka, setup, tidy};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// One row of the table: what it is called, what it does, how long it may take.
struct Stage {
    name: &'static str,
    about: &'static str,
    minutes_max: u64,
    run: fn(&Run) -> Result<(), String>,
}

const STAGES: &[Stage] = &[
    Stage {
        name: "setup",
        about: "dependencies of the build and of the client suites",
        minutes_max: 15,
        run: |run| setup::run(&run.log, false),
    },
    Stage {
        name: "fmt",
        about: "rustfmt has nothing to change",
        minutes_max: 2,
        run: fmt,
    },
    Stage {
        name: "tidy",
        about: "the house rules that a machine can check",
        minutes_max: 2,
        run: |run| tidy_logged(&run.log),
    },
    Stage {
        name: "codegen",
        about: "the generated protocol code is what its table says",
        minutes_max: 2,
        run: |run| run.note(codegen::run(true)),
    },
    Stage {
        name: "clippy",
        about: "no warning in any target",
        minutes_max: 20,
        run: clippy,
    },
    Stage {
        name: "test",
        about: "unit, property, vector and process tests",
        minutes_max: 25,
        run: test,
    },
    Stage {
        name: "sim",
        about: "simulation tests",
        minutes_max: 20,
        run: |run| {
            run.cargo(cargo([
                "test",
                "--locked",
                "--no-fail-fast",
                "-p",
                "chronik-sim",
            ]))
        },
    },
    Stage {
        name: "clients",
        about: "clients of others against the built binary",
        minutes_max: 12,
        run: |run| clients::run(&run.clients, &run.log),
    },
    Stage {
        name: "accept",
        about: "the acceptance runs with small counts",
        minutes_max: 15,
        run: |run| accept::run_short(&run.log, run.deadline),
    },
    Stage {
        name: "doc",
        about: "rustdoc without a warning",
        minutes_max: 10,
        run: doc,
    },
    Stage {
        name: "deny",
        about: "licences, bans and sources of the dependencies",
        minutes_max: 2,
        run: deny,
    },
];

/// What a stage works with.
struct Run {
    log: PathBuf,
    deadline: Duration,
    clients: clients::Options,
}

impl Run {
    fn cargo(&self, mut command: Command) -> Result<(), String> {
        run_logged(&mut command, &self.log, self.deadline)
    }

    /// A stage inside this process: its reason goes to the log like any other's.
    fn note(&self, result: Result<(), String>) -> Result<(), String> {
        if let Err(reason) = &result {
            append(&self.log, reason)?;
        }
        result.map_err(|reason| reason.lines().next().unwrap_or_default().to_owned())
    }
}

fn append(log: &Path, text: &str) -> Result<(), String> {
    let mut file = crate::process::open_log(log)?;
    writeln!(file, "{text}").map_err(|e| format!("cannot write {}: {e}", log.display()))
}

fn fmt(run: &Run) -> Result<(), String> {
    let check = ["--", "--check", "--color", "never"];
    let mut ours = cargo(["fmt", "--all"]);
    let mut rdkafka = cargo(["fmt", "--manifest-path", rdkafka::MANIFEST]);
    ours.args(check);
    rdkafka.args(check);
    all([run.cargo(ours), run.cargo(rdkafka)])
}

/// A cargo command on the program around librdkafka; skipped by name where it cannot be built.
fn on_rdkafka(run: &Run, subcommand: &str, args: &[&str]) -> Result<(), String> {
    match rdkafka::missing() {
        None => {
            let mut command = rdkafka::cargo_on(subcommand);
            command.args(args);
            run.cargo(command)
        }
        Some(program) if in_ci() => Err(format!("{program} is not installed")),
        Some(program) => append(
            &run.log,
            &format!("skipped suite {subcommand} of rdkafka: {program} is not installed"),
        ),
    }
}

/// Never `--workspace`: the simulator turns on a feature that the product must be built without.
fn clippy(run: &Run) -> Result<(), String> {
    let strict = ["--", "-D", "warnings"];
    let mut product = cargo(["clippy", "--locked", "--all-targets"]);
    let mut runner = cargo(["clippy", "--locked", "--all-targets", "-p", "xtask"]);
    let mut sim = cargo(["clippy", "--locked", "--all-targets", "-p", "chronik-sim"]);
    let mut accept = cargo([
        "clippy",
        "--locked",
        "--all-targets",
        "-p",
        "chronik-accept",
    ]);
    for command in [&mut product, &mut runner, &mut sim, &mut accept] {
        command.args(strict);
    }
    all([
        run.cargo(product),
        run.cargo(runner),
        run.cargo(sim),
        run.cargo(accept),
        on_rdkafka(run, "clippy", &["--all-targets", "--", "-D", "warnings"]),
    ])
}

/// Property tests draw the same cases every time: what turns a change red must be the change. Run
/// by hand, `cargo test` draws new ones.
fn repeatable(mut command: Command) -> Command {
    command.env("PROPTEST_RNG_SEED", "1");
    command
}

fn test(run: &Run) -> Result<(), String> {
    all([
        run.cargo(repeatable(cargo(["test", "--locked", "--no-fail-fast"]))),
        run.cargo(cargo(["test", "--locked", "--no-fail-fast", "-p", "xtask"])),
        run.cargo(cargo([
            "test",
            "--locked",
            "--no-fail-fast",
            "-p",
            "chronik-accept",
        ])),
        on_rdkafka(run, "test", &["--no-fail-fast"]),
    ])
}

fn doc(run: &Run) -> Result<(), String> {
    let docs = |package: &[&str]| {
        let mut command = cargo(["doc", "--locked", "--no-deps", "--document-private-items"]);
        command.args(package).env("RUSTDOCFLAGS", "-D warnings");
        run.cargo(command)
    };
    all([
        docs(&[]),
        docs(&["-p", "xtask"]),
        docs(&["-p", "chronik-accept"]),
    ])
}

fn deny(run: &Run) -> Result<(), String> {
    match setup::cargo_deny() {
        Some(program) => {
            let mut check = command(program);
            check.args([
                "--offline",
                "--locked",
                "check",
                "licenses",
                "bans",
                "sources",
            ]);
            run.cargo(check)
        }
        None if in_ci() => Err("cargo-deny is not installed".to_owned()),
        None => append(&run.log, "skipped suite deny: cargo-deny is not installed"),
    }
}

fn tidy_logged(log: &Path) -> Result<(), String> {
    let report = tidy::check();
    append(log, &report.to_string())?;
    report.verdict()
}

/// All failures, not only the first.
fn all<const N: usize>(results: [Result<(), String>; N]) -> Result<(), String> {
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n"))
    }
}

/// Tests as the runners count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Adds up a log's `test result:` lines (of cargo, and of the client suites, which print the same)
    /// and its `skipped suite` lines.
    fn read(log: &str) -> Self {
        let mut counts = Self::default();
        for line in log.lines() {
            let line = line.trim_start();
            counts.skipped += u64::from(line.starts_with("skipped suite "));
            let Some(result) = line.strip_prefix("test result: ") else {
                continue;
            };
            for part in result.split(['.', ';']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(what)) = (words.next(), words.next()) else {
                    continue;
                };
                let number = number.parse().unwrap_or(0);
                match what {
                    "passed" => counts.passed += number,
                    "failed" => counts.failed += number,
                    "ignored" => counts.skipped += number,
                    _ => {}
                }
            }
        }
        counts
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// What `verify` was asked for.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run this stage alone; may be given several times
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Print the stages and run none
    #[arg(long)]
    list: bool,
    /// Run the client suites against a real Kafka instead of the built binary
    #[arg(long)]
    against_kafka: bool,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    if args.list {
        for stage in STAGES {
            println!("{:8} {}", stage.name, stage.about);
        }
        return ExitCode::SUCCESS;
    }
    let known = |name: &&String| STAGES.iter().all(|stage| stage.name != name.as_str());
    if let Some(unknown) = args.only.iter().find(known) {
        eprintln!("no stage {unknown}; `cargo xtask verify --list` names them");
        return ExitCode::from(2);
    }
    let started = Instant::now();
    let mut total = Counts::default();
    let mut failed = Vec::new();
    for stage in STAGES {
        if !args.only.is_empty() && !args.only.iter().any(|name| name == stage.name) {
            continue;
        }
        let (counts, result) = run_stage(stage, args.against_kafka);
        total.add(counts);
        if result.is_err() {
            failed.push(stage.name);
        }
    }
    println!("{:8} {:6.1} s", "all", started.elapsed().as_secs_f64());
    if !failed.is_empty() {
        println!("failed: {} (logs in target/verify)", failed.join(", "));
    }
    println!("{total}");
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one stage and prints its line: seconds, counts, and on failure the end of its log.
fn run_stage(stage: &Stage, against_kafka: bool) -> (Counts, Result<(), String>) {
    let folder = target().join("verify");
    let log = folder.join(format!("{}.log", stage.name));
    let run = Run {
        log: log.clone(),
        deadline: Duration::from_secs(stage.minutes_max * 60),
        clients: clients::Options {
            broker: if against_kafka {
                Broker::Kafka
            } else {
                Broker::Built
            },
            only: Vec::new(),
        },
    };
    let _ = std::fs::remove_file(&log);
    let started = Instant::now();
    let result = create_dir(&folder).and_then(|()| (stage.run)(&run));
    let seconds = started.elapsed().as_secs_f64();
    let text = std::fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut counts = Counts::read(&text);
    if result.is_err() && counts.failed == 0 {
        counts.failed = 1;
    }
    let word = if result.is_ok() { "ok" } else { "FAILED" };
    let shown = if counts == Counts::default() {
        String::new()
    } else {
        counts.to_string()
    };
    println!("{:8} {seconds:6.1} s  {word:6} {shown}", stage.name);
    for line in text
        .lines()
        .filter(|line| line.trim_start().starts_with("skip"))
    {
        println!("    {}", line.trim_start());
    }
    if let Err(reason) = &result {
        println!("--- the end of target/verify/{}.log", stage.name);
        println!("{}", tail(&log, 80));
        println!("--- {reason}");
    }
    let _ = std::io::stdout().flush();
    (counts, result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_sum_of_the_runners_closing_lines() {
        let log = "test a ... ok\n\
            test result: ok. 26 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s\n\
            skipped suite kcat: not installed\n\
            test result: FAILED. 3 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out\n";
        let counts = Counts::read(log);
        assert_eq!(counts.to_string(), "29 passed, 1 failed, 3 skipped");
    }

    #[test]
    fn a_log_without_tests_counts_nothing() {
        assert_eq!(Counts::read("Finished dev\n"), Counts::default());
    }

    #[test]
    fn stages_have_names_of_their_own() {
        for (index, stage) in STAGES.iter().enumerate() {
            assert!(STAGES[..index].iter().all(|other| other.name != stage.name));
        }
    }
}
