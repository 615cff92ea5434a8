//! `cargo xtask accept`: builds the binary and the acceptance runs, and runs them on it.
//!
//! The long form takes the release binary and writes a page below `docs/results`; what a part found
//! out is kept in `target/accept` and not measured again for the same commit. The short form is a
//! stage of `verify`: the same code with small counts, on the binary that the other tests use.

use crate::process::{built, cargo, command, in_ci, root, run_logged, run_shown_to_end, target};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The runs there are. Each has a page of its name.
const NAMES: &[&str] = &["node"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which run
    #[arg(default_value = "node", value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    name: String,
    /// Run this part alone; may be given several times
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Run parts again that were run for this commit
    #[arg(long)]
    again: bool,
}

/// For a person: progress goes to standard error. An error when a target is missed.
pub(crate) fn run_shown(args: &Args) -> Result<(), String> {
    for package in ["chronik", "chronik-accept"] {
        let mut build = cargo(["build", "--release", "--locked", "-p", package]);
        run_shown_to_end(&mut build)?;
    }
    let mut runs = runs("release", "work");
    runs.arg("--commit")
        .arg(commit()?)
        .arg("--results")
        .arg(target().join("accept").join(&args.name))
        .arg("--page")
        .arg(
            root()
                .join("docs/results")
                .join(format!("{}.md", args.name)),
        );
    if args.again {
        runs.arg("--again");
    }
    for part in &args.only {
        runs.args(["--only", part]);
    }
    run_shown_to_end(&mut runs)
}

/// The stage of `verify`.
pub(crate) fn run_short(log: &Path, deadline: Duration) -> Result<(), String> {
    for package in ["chronik", "chronik-accept"] {
        let mut build = cargo(["build", "--locked", "-p", package]);
        run_logged(&mut build, log, deadline)?;
    }
    let mut runs = runs("debug", "work-short");
    runs.arg("--short");
    run_logged(&mut runs, log, deadline)
}

/// The program with what both forms tell it. It empties its folder for data, so each has its own.
fn runs(profile: &str, work: &str) -> Command {
    let mut runs = command(built(profile, "accept"));
    runs.arg("--chronik")
        .arg(built(profile, "chronik"))
        .arg("--repository")
        .arg(root())
        .arg("--work")
        .arg(target().join("accept").join(work));
    if in_ci() {
        runs.arg("--strict");
    }
    runs
}

/// What is accepted. Changes that are not committed have no name that would come again, so they
/// are numbered by the clock: their results are never taken over.
fn commit() -> Result<String, String> {
    let git = |args: &[&str]| {
        let output = command("git").args(args).output();
        let output = output.map_err(|e| format!("cannot start git: {e}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(format!("git {args:?}: {}", output.status)),
        }
    };
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    // The page itself does not change what is measured.
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs/results"])?;
    if changed.is_empty() {
        return Ok(head);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_err(|e| e.to_string())?.as_secs();
    Ok(format!("{head} with changes ({seconds})"))
}
