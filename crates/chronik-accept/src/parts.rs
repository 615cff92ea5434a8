//! The parts of the run, each a function from a set-up to an outcome.

mod binary;
mod kill;
mod million;
mod parked;
mod power;
mod recovery;
mod rest;
mod start;
mod windows;

use std::time::Duration;

use crate::{Failure, Outcome, Setup, Size};

/// One part.
#[derive(Debug)]
pub struct Part {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&Setup, Size) -> Result<Outcome, Failure>,
}

/// All parts, in the order of the page.
pub const PARTS: &[Part] = &[
    Part {
        name: "million",
        about: "a million records come back complete and in order through two clients",
        run: million::run,
    },
    Part {
        name: "kill",
        about: "kill -9 under idempotent load loses, moves and duplicates nothing",
        run: kill::run,
    },
    Part {
        name: "power",
        about: "power cuts lose nothing acknowledged",
        run: power::run,
    },
    Part {
        name: "rest",
        about: "memory at rest",
        run: rest::run,
    },
    Part {
        name: "start",
        about: "from the start to the first acknowledged produce",
        run: start::run,
    },
    Part {
        name: "parked",
        about: "CPU of waiting fetches",
        run: parked::run,
    },
    Part {
        name: "recovery",
        about: "what a restart reads",
        run: recovery::run,
    },
    Part {
        name: "windows",
        about: "one fdatasync per commit window",
        run: windows::run,
    },
    Part {
        name: "binary",
        about: "the binary's size, and how long it takes to build",
        run: binary::run,
    },
];

/// The middle one; the upper of two.
fn median<T: Ord + Copy>(values: &mut [T]) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_of_their_own_and_the_median_is_in_the_middle() {
        for (index, part) in PARTS.iter().enumerate() {
            assert!(PARTS[..index].iter().all(|other| other.name != part.name));
        }
        assert_eq!(median(&mut [9, 1, 5]), 5);
        assert_eq!(median(&mut [3]), 3);
    }
}
