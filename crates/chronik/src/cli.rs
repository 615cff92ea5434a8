//! The command line: one file per command, settings from the one table.

mod cluster;
mod completions;
mod config;
mod consume;
mod format;
mod group;
mod log;
mod output;
mod produce;
mod record_json;
mod start;
mod time;
mod topic;

use std::ffi::OsString;
use std::process::ExitCode;

use chronik_io::ExitCode as Code;
use clap::{ArgMatches, Command};

/// What a command ended with.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command failed: one clear line with what to do, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

const ABOUT: &str =
    "Event streaming that speaks the Apache Kafka protocol: one binary, durable by default.";

const EXIT_CODES: &str = "Exit codes: 0 stopped as asked; 1 failure; 2 wrong command line or configuration; \
3 data directory locked, foreign, newer, read-only or damaged; 4 address in use; \
5 a write or sync of journal, log or metadata failed; 6 internal error.";

fn version() -> &'static str {
    const_format_version()
}

const fn const_format_version() -> &'static str {
    concat!(
        env!("CARGO_PKG_VERSION"),
        " (commit ",
        env!("BUILD_COMMIT"),
        ", Kafka protocol 4.3, disk format 1)"
    )
}

/// The whole command line, also for completions.
pub(crate) fn command() -> Command {
    Command::new("chronik")
        .about(ABOUT)
        .version(version())
        .after_help(EXIT_CODES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(start::command())
        .subcommand(topic::command())
        .subcommand(produce::command())
        .subcommand(consume::command())
        .subcommand(group::command())
        .subcommand(log::command())
        .subcommand(config::command())
        .subcommand(completions::command())
}

/// Parses and runs; every error is one line on standard error.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() {
                Code::Usage
            } else {
                Code::Success
            };
            // A closed pipe is no reason to fail.
            let _ = error.print();
            return exit(code);
        }
    };
    match dispatch(&matches) {
        Ok(()) => exit(Code::Success),
        Err(failure) => {
            eprintln!("chronik: {}", failure.message);
            exit(failure.code)
        }
    }
}

fn exit(code: Code) -> ExitCode {
    ExitCode::from(code as u8)
}

fn dispatch(matches: &ArgMatches) -> Outcome {
    match matches.subcommand() {
        Some(("start", args)) => start::run(args),
        Some(("topic", args)) => topic::run(args),
        Some(("produce", args)) => produce::run(args),
        Some(("consume", args)) => consume::run(args),
        Some(("group", args)) => group::run(args),
        Some(("log", args)) => log::run(args),
        Some(("config", args)) => config::run(args),
        Some(("completions", args)) => completions::run(args),
        _ => unreachable!("clap requires one of the subcommands"),
    }
}
