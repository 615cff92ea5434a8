//! What a part found out, in a form that can be stored.

use serde::{Deserialize, Serialize};

use crate::{Failure, Setup};

/// What a row says about its target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Reached.
    Met,
    /// Not reached.
    Missed,
    /// Nothing was wanted: a figure for orientation.
    Figure,
    /// Could not be tried on this machine.
    Skipped,
}

/// One line of the table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What was wanted, in words; empty for a figure.
    pub target: String,
    /// What was found, with its unit.
    pub measured: String,
    /// Whether that is enough.
    pub verdict: Verdict,
}

/// The rows of one part.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// In the order of the page.
    pub rows: Vec<Row>,
}

impl Outcome {
    /// Adds a row that is judged.
    pub(crate) fn judge(
        &mut self,
        what: impl Into<String>,
        target: impl Into<String>,
        measured: impl Into<String>,
        met: bool,
    ) {
        let verdict = if met { Verdict::Met } else { Verdict::Missed };
        self.push(what.into(), target.into(), measured.into(), verdict);
    }

    /// Adds a row that only tells.
    pub(crate) fn figure(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.push(what.into(), String::new(), measured.into(), Verdict::Figure);
    }

    /// Adds a row for what this machine cannot do; where everything has to run that is a failure.
    pub(crate) fn skip(&mut self, setup: &Setup, what: &str, reason: &str) -> Result<(), Failure> {
        if setup.strict {
            return Err(Failure::new(format!("{what}: {reason}")));
        }
        let measured = format!("not tried: {reason}");
        self.push(what.to_owned(), String::new(), measured, Verdict::Skipped);
        Ok(())
    }

    fn push(&mut self, what: String, target: String, measured: String, verdict: Verdict) {
        self.rows.push(Row {
            what,
            target,
            measured,
            verdict,
        });
    }

    /// Whether no row missed its target.
    pub fn is_met(&self) -> bool {
        self.rows.iter().all(|row| row.verdict != Verdict::Missed)
    }

    /// Whether something could not be tried.
    pub fn has_skips(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(strict: bool) -> Setup {
        Setup {
            chronik: "chronik".into(),
            work: "work".into(),
            repository: ".".into(),
            strict,
        }
    }

    #[test]
    fn one_missed_row_misses_the_part_and_a_figure_never_does() {
        let mut outcome = Outcome::default();
        outcome.judge("a", "below 2", "1", true);
        outcome.figure("b", "3");
        assert!(outcome.is_met());
        outcome.judge("c", "below 2", "2", false);
        assert!(!outcome.is_met());
    }

    #[test]
    fn what_cannot_be_tried_is_named_and_fails_where_everything_has_to_run() {
        let mut outcome = Outcome::default();
        assert_eq!(outcome.skip(&setup(false), "power", "no mount"), Ok(()));
        assert!(outcome.has_skips() && outcome.is_met());
        let refused = outcome.skip(&setup(true), "power", "no mount");
        assert_eq!(refused, Err(Failure::new("power: no mount")));
    }
}
