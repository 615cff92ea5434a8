//! `sim`: runs seeds of the simulation.
//!
//! Standard output holds what the seeds determine and nothing else; progress and durations go to
//! standard error. Ends with 0 if all is well, 1 after a violation, 2 if it was asked wrongly.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chronik_sim::node_scenario::{Report, Variant, run};

const USAGE: &str = "usage: sim [--seed N | --seeds A..B] [--minutes M] [--log]
  --seed N      run one seed
  --seeds A..B  run the seeds from A to B, both included (default 1..20)
  --minutes M   begin no further seed after M minutes; without seeds, run from 1 until then
  --log         print the whole event log of each seed";

struct Asked {
    seeds: RangeInclusive<u64>,
    time: Option<Duration>,
    log: bool,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(asked) => run_all(&asked),
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut seeds = None;
    let mut time = None;
    let mut log = false;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--seed" => {
                let seed = number(&value()?)?;
                seeds = Some(seed..=seed);
            }
            "--seeds" => {
                let text = value()?;
                let (from, to) = text
                    .split_once("..")
                    .ok_or_else(|| format!("{text:?} is no range A..B"))?;
                seeds = Some(number(from)?..=number(to)?);
            }
            "--minutes" => time = Some(Duration::from_secs(60 * number(&value()?)?)),
            "--log" => log = true,
            _ => return Err(format!("{arg:?} is not known")),
        }
    }
    let last = if time.is_some() { u64::MAX } else { 20 };
    let seeds = seeds.unwrap_or(1..=last);
    if seeds.is_empty() {
        return Err(format!("there is no seed in {seeds:?}"));
    }
    Ok(Asked { seeds, time, log })
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn run_all(asked: &Asked) -> ExitCode {
    let begun = Instant::now();
    let mut failed = Vec::new();
    let mut count = 0_u32;
    for seed in asked.seeds.clone() {
        if asked.time.is_some_and(|time| begun.elapsed() >= time) {
            break;
        }
        let one = Instant::now();
        let report = run(seed, Variant::Honest);
        print(seed, &report, asked.log);
        if !report.violations.is_empty() {
            failed.push(seed);
        }
        count += 1;
        eprintln!("seed {seed}: {:.1?}", one.elapsed());
    }
    let taken = begun.elapsed();
    eprintln!(
        "{count} seeds in {taken:.1?}, {:.1?} each",
        taken / count.max(1)
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        eprintln!("{} seeds with violations: {failed:?}", failed.len());
        ExitCode::FAILURE
    }
}

fn print(seed: u64, report: &Report, log: bool) {
    if log {
        print!("{}", report.log.text());
    }
    println!("seed {seed}: {}", report.summary());
    for violation in &report.violations {
        println!("  {violation}");
    }
    if !report.violations.is_empty() {
        println!("  replay: cargo xtask sim --seed {seed} --log");
    }
}
