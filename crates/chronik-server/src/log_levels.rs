//! The levels of the running process's log, as Kafka's broker loggers.
//!
//! The binary owns the filter and hands its levels in; a node that is not given any (in a
//! simulation) has none. Loggers are named as the targets of log lines: crates and their modules.

use std::collections::BTreeSet;
use std::fmt;

use chronik_controller::ApiError;
use chronik_types::ErrorCode;

/// The logger that counts where no other one says more.
pub const ROOT_LOGGER: &str = "root";

/// Crates that log; what is below one of them may be named too.
pub const LOGGERS: &[&str] = &[
    "chronik",
    "chronik_io",
    "chronik_log",
    "chronik_raft",
    "chronik_server",
    "openraft",
];

/// Loggers with a level of their own at most: a filter is asked for every line.
const LEVELS_MAX: usize = 100;

/// Kafka's log levels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// As [`Self::Error`]: the log has nothing above it.
    Fatal,
    /// Failures.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happens.
    Info,
    /// What it was that happened.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    const ALL: [Self; 6] = [
        Self::Debug,
        Self::Error,
        Self::Fatal,
        Self::Info,
        Self::Trace,
        Self::Warn,
    ];

    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    /// The level of Kafka's name, in whatever case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|level| level.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The levels of a process's log. Changes take effect at once and last until the process ends.
pub trait LogLevels: Send + Sync {
    /// Every logger with a level, [`ROOT_LOGGER`] among them, by name.
    fn levels(&self) -> Vec<(String, LogLevel)>;

    /// Sets loggers' levels, or with `None` takes them back to what they were at start.
    fn change(&self, changes: &[(String, Option<LogLevel>)]);
}

/// A log without levels.
pub(crate) struct NoLogLevels;

impl LogLevels for NoLogLevels {
    fn levels(&self) -> Vec<(String, LogLevel)> {
        Vec::new()
    }

    fn change(&self, _: &[(String, Option<LogLevel>)]) {}
}

/// A change of one logger.
pub(crate) type LevelChange = (String, Option<LogLevel>);

/// Whether a logger of this name can have a level.
fn exists(known: &BTreeSet<String>, name: &str) -> bool {
    let is_path = |rest: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        rest.starts_with("::") && rest.len() <= 200 && rest.chars().all(legal)
    };
    name == ROOT_LOGGER
        || known.contains(name)
        || LOGGERS.iter().any(|known| {
            name.strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || is_path(rest))
        })
}

/// What loggers are to be set to, judged as one in Kafka's words.
pub(crate) fn judge_levels(
    levels: &dyn LogLevels,
    wanted: Vec<(String, Option<String>)>,
) -> Result<Vec<LevelChange>, ApiError> {
    let known: BTreeSet<String> = levels.levels().into_iter().map(|(name, _)| name).collect();
    let mut after = known.clone();
    let mut changes = Vec::with_capacity(wanted.len());
    for (name, level) in wanted {
        let level = judge_level(&known, &name, level.as_deref())?;
        if level.is_some() {
            after.insert(name.clone());
        }
        // Those that have a level already can be changed however many there are.
        if after.len() > LEVELS_MAX.max(known.len()) {
            return Err(refused(format!(
                "More than {LEVELS_MAX} loggers have a level"
            )));
        }
        changes.push((name, level));
    }
    Ok(changes)
}

fn refused(why: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidConfig, why)
}

fn judge_level(
    known: &BTreeSet<String>,
    name: &str,
    level: Option<&str>,
) -> Result<Option<LogLevel>, ApiError> {
    if !exists(known, name) {
        return Err(refused(format!("Logger {name} does not exist!")));
    }
    let Some(level) = level else {
        if name == ROOT_LOGGER {
            let why = format!("Removing the log level of the {ROOT_LOGGER} logger is not allowed");
            return Err(ApiError::new(ErrorCode::InvalidRequest, why));
        }
        return Ok(None);
    };
    let mut all = LogLevel::ALL.into_iter();
    match all.find(|known| known.name() == level) {
        Some(level) => Ok(Some(level)),
        None => {
            let names: Vec<_> = LogLevel::ALL.iter().map(|level| level.name()).collect();
            Err(refused(format!(
                "Cannot set the log level of {name} to {level} as it is not a supported log \
                 level. Valid log levels are {}",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of so many loggers with levels besides the root.
    struct Many(usize);

    impl LogLevels for Many {
        fn levels(&self) -> Vec<(String, LogLevel)> {
            let names = (0..self.0).map(|n| format!("chronik_log::old{n}"));
            let all = names.chain([ROOT_LOGGER.to_owned()]);
            all.map(|name| (name, LogLevel::Info)).collect()
        }

        fn change(&self, _: &[(String, Option<LogLevel>)]) {}
    }

    fn wanted(what: &str, count: usize) -> Vec<(String, Option<String>)> {
        let name = |n| format!("chronik_log::{what}{n}");
        (0..count)
            .map(|n| (name(n), Some("DEBUG".to_owned())))
            .collect()
    }

    #[test]
    fn a_request_gives_levels_to_a_hundred_loggers_at_most() {
        let log = Many(89);
        assert!(judge_levels(&log, wanted("new", 10)).is_ok());
        let refused = judge_levels(&log, wanted("new", 11)).expect_err("is one too many");
        assert_eq!(refused.code, ErrorCode::InvalidConfig);
    }

    #[test]
    fn a_logger_that_has_a_level_can_be_changed_however_many_there_are() {
        for old in [99, 120] {
            let log = Many(old);
            assert!(judge_levels(&log, wanted("old", 99)).is_ok());
            assert!(judge_levels(&log, wanted("new", 1)).is_err());
        }
    }
}
