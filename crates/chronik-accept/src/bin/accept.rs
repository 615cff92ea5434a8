//! `accept`: runs the parts of the acceptance run, and writes their page.
//!
//! `cargo xtask accept` builds what is needed and calls it. The short form prints the closing line
//! of a test runner and writes no page. Ends with 0 if no target is missed, else with 1.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use chronik_accept::{Finished, Machine, Outcome, PARTS, Part, SLACK, Setup, Size, page};
use clap::Parser;

#[derive(Parser)]
#[command(about = "Runs the acceptance run of the single node")]
struct Args {
    /// The binary to accept
    #[arg(long)]
    chronik: PathBuf,
    /// The checkout
    #[arg(long)]
    repository: PathBuf,
    /// A folder for data, on a real disk
    #[arg(long)]
    work: PathBuf,
    /// What is accepted: results of another commit are not taken over
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Folder with the results of parts that were run before
    #[arg(long, required_unless_present = "short")]
    results: Option<PathBuf>,
    /// The page to write
    #[arg(long, required_unless_present = "short")]
    page: Option<PathBuf>,
    /// Small counts, no page
    #[arg(long)]
    short: bool,
    /// Fail on what this machine cannot do, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Run parts again that were run for this commit
    #[arg(long)]
    again: bool,
    /// Run this part alone; may be given several times
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let known = |name: &&String| PARTS.iter().all(|part| part.name != name.as_str());
    if let Some(unknown) = args.only.iter().find(known) {
        eprintln!("no part {unknown}; there are:");
        for part in PARTS {
            eprintln!("  {:8} {}", part.name, part.about);
        }
        return ExitCode::from(2);
    }
    let setup = Setup {
        chronik: args.chronik.clone(),
        work: args.work.clone(),
        repository: args.repository.clone(),
        strict: args.strict,
    };
    if let Err(reason) = setup.clean() {
        eprintln!("{reason}");
        return ExitCode::FAILURE;
    }
    let done = match (&args.results, &args.page) {
        (Some(results), Some(page)) if !args.short => long(&args, &setup, results, page),
        _ => Ok(short(&args, &setup)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The parts asked for.
fn chosen(args: &Args) -> impl Iterator<Item = &'static Part> {
    let asked = |part: &&Part| args.only.is_empty() || args.only.iter().any(|o| o == part.name);
    PARTS.iter().filter(asked)
}

/// Runs the parts like tests; true if all passed.
fn short(args: &Args, setup: &Setup) -> bool {
    println!("short form: times and sizes are held against {SLACK} times their targets");
    let begun = Instant::now();
    let (mut passed, mut failed) = (0, 0);
    for part in chosen(args) {
        let result = run(part, setup, Size::Short);
        let met = result.as_ref().is_ok_and(Outcome::is_met);
        let word = if met { "ok" } else { "FAILED" };
        println!("test accept::{} ... {word}", part.name);
        match &result {
            Ok(outcome) => tell_short(part, outcome),
            Err(reason) => println!("    {reason}"),
        }
        passed += u32::from(met);
        failed += u32::from(!met);
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "test result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s",
        begun.elapsed().as_secs_f64()
    );
    failed == 0
}

fn tell_short(part: &Part, outcome: &Outcome) {
    for row in &outcome.rows {
        println!("    {}: {} [{}]", row.what, row.measured, row.target);
    }
    if outcome.has_skips() {
        println!("skipped suite accept: {}", part.name);
    }
}

fn run(part: &Part, setup: &Setup, size: Size) -> Result<Outcome, String> {
    eprintln!("{}: {}", part.name, part.about);
    (part.run)(setup, size).map_err(|failure| failure.to_string())
}

/// Runs what has no result for this commit, and writes the page; true if no target is missed.
fn long(args: &Args, setup: &Setup, results: &Path, page_path: &Path) -> Result<bool, String> {
    let written = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
    };
    for folder in [Some(results), page_path.parent()].into_iter().flatten() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let machine = Machine::describe(&setup.work).map_err(|failure| failure.to_string())?;
    let mut failures = 0;
    for part in chosen(args) {
        let path = stored_at(results, part);
        if !args.again && stored(&path).is_some_and(|old| old.commit == args.commit) {
            eprintln!("{}: run before for this commit", part.name);
            continue;
        }
        let _ = std::fs::remove_file(&path);
        let begun = Instant::now();
        let outcome = match run(part, setup, Size::Long) {
            Ok(outcome) => outcome,
            Err(reason) => {
                eprintln!("{}: {reason}", part.name);
                failures += 1;
                continue;
            }
        };
        for row in &outcome.rows {
            eprintln!("  {:?}: {}: {}", row.verdict, row.what, row.measured);
        }
        let finished = Finished {
            name: part.name.to_owned(),
            commit: args.commit.clone(),
            seconds: begun.elapsed().as_secs(),
            outcome,
        };
        let text = serde_json::to_string_pretty(&finished).map_err(|e| e.to_string())?;
        written(&path, text)?;
    }
    // The page has all that is known about this commit, whatever was asked for this time.
    let known = PARTS
        .iter()
        .filter_map(|part| stored(&stored_at(results, part)));
    let known: Vec<Finished> = known.filter(|old| old.commit == args.commit).collect();
    written(page_path, page(&machine, &args.commit, &known))?;
    let missed = known.iter().filter(|one| !one.outcome.is_met()).count();
    eprintln!(
        "{} parts, {missed} with a missed target, {failures} not carried out: {}",
        known.len(),
        page_path.display()
    );
    Ok(missed == 0 && failures == 0)
}

fn stored_at(results: &Path, part: &Part) -> PathBuf {
    results.join(format!("{}.json", part.name))
}

/// A result that can be read; one that cannot is as good as none.
fn stored(path: &Path) -> Option<Finished> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}
