//! What happened in a run, in virtual time: the text that two runs of a seed must share.
//!
//! Absent: addresses, paths of the machine and real durations, which would differ between runs.

use std::fmt::{Display, Write as _};
use std::time::Duration;

/// Lines of text, each with the virtual time at which it was noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog(String);

impl EventLog {
    /// Adds a line.
    pub fn note(&mut self, at: Duration, event: impl Display) {
        let micros = at.as_micros();
        writeln!(self.0, "{micros:>10} {event}").expect("a string takes everything");
    }

    /// All lines.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// A number that tells two logs apart (FNV-1a).
    #[must_use]
    pub fn hash(&self) -> u64 {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.0.bytes().fold(0xcbf2_9ce4_8422_2325, step)
    }
}
