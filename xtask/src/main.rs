//! Chronik's task runner: `cargo xtask --help`.
//!
//! `verify` judges and writes only below `target/`; `fix` edits. There is no second runner:
//! scripts are a few lines that call this one.

mod accept;
mod clients;
mod codegen;
mod compare;
mod foreign;
mod kafka;
mod node;
mod process;
mod rdkafka;
mod setup;
mod tidy;
mod verify;

use clap::{Parser, Subcommand};
use process::{cargo, target};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chronik's task runner")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch dependencies and install what the client suites need, below target/
    Setup {
        /// Install missing system packages too (as in CI)
        #[arg(long)]
        system: bool,
    },
    /// Check everything that has to hold before a change lands
    Verify(verify::Args),
    /// Format, apply clippy's suggestions, regenerate the protocol code
    Fix,
    /// Check the house rules that a machine can check
    Tidy,
    /// Write the generated protocol code
    Codegen {
        /// Only compare it with what is committed
        #[arg(long)]
        check: bool,
    },
    /// Run the simulator
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the client suites: against the built binary, or the broker that is named
    Clients {
        /// Against a real Kafka, started for the run
        #[arg(long, conflicts_with = "bootstrap")]
        against_kafka: bool,
        /// Against a broker that is already running
        #[arg(long, value_name = "HOST:PORT")]
        bootstrap: Option<String>,
        /// Run the tests whose name begins with this; may be given several times
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
    },
    /// Measure the release binary against what it must reach, and write docs/results/NAME.md
    Accept(accept::Args),
    /// Compare with a real Kafka: CPU per GB and latency, in one interleaved run; writes a page
    Compare(compare::Args),
    /// Run a real Kafka, the reference for what documents leave open
    Kafka {
        #[command(subcommand)]
        what: kafka::Kafka,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Verify(args) => return verify::run(&args),
        Task::Sim { args } => return sim(&args),
        Task::Setup { system } => setup::run_shown(system),
        Task::Fix => fix(),
        Task::Tidy => {
            let report = tidy::check();
            print!("{report}");
            report.verdict()
        }
        Task::Codegen { check } => codegen::run(check),
        Task::Clients {
            against_kafka,
            bootstrap,
            only,
        } => clients::run_shown(against_kafka, bootstrap, only),
        Task::Accept(args) => accept::run_shown(&args),
        Task::Compare(args) => compare::run(&args),
        Task::Kafka { what } => kafka::run(what),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Passes arguments and exit code through: 0 clean, 1 a violation, 2 usage.
fn sim(args: &[String]) -> ExitCode {
    let mut command = cargo(["run", "--quiet", "-p", "chronik-sim", "--bin", "sim", "--"]);
    match command.args(args).status() {
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(e) => {
            eprintln!("cannot start the simulator: {e}");
            ExitCode::FAILURE
        }
    }
}

fn fix() -> Result<(), String> {
    codegen::run(false)?;
    let log = target().join("verify/fix.log");
    let _ = std::fs::remove_file(&log);
    let clippy = [
        "clippy",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
        "--all-targets",
    ];
    let mut runner = cargo(clippy);
    let mut sim = cargo(clippy);
    let mut accept = cargo(clippy);
    runner.args(["-p", "xtask"]);
    sim.args(["-p", "chronik-sim"]);
    accept.args(["-p", "chronik-accept"]);
    for mut command in [cargo(clippy), runner, sim, accept, cargo(["fmt", "--all"])] {
        process::run_logged(&mut command, &log, Duration::from_secs(1200))
            .map_err(|reason| format!("{}\n{reason}", process::tail(&log, 60)))?;
    }
    Ok(())
}
