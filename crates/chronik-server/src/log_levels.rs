//! The levels of the running process's log, as Kafka's broker loggers.
//!
//! The binary owns the filter and hands its levels in; a node that is not given any (in a
//! simulation) has none. Loggers are named as the targets of log lines: crates and their modules.

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

    /// Sets a logger's level, or with `None` takes it back to what it was at start.
    fn set(&self, logger: &str, level: Option<LogLevel>);
}

/// A log without levels.
pub(crate) struct NoLogLevels;

impl LogLevels for NoLogLevels {
    fn levels(&self) -> Vec<(String, LogLevel)> {
        Vec::new()
    }

    fn set(&self, _: &str, _: Option<LogLevel>) {}
}

/// A change of one logger.
pub(crate) type LevelChange = (String, Option<LogLevel>);

/// Whether a logger of this name can have a level.
fn exists(levels: &dyn LogLevels, name: &str) -> bool {
    let is_path = |rest: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        rest.starts_with("::") && rest.len() <= 200 && rest.chars().all(legal)
    };
    name == ROOT_LOGGER
        || levels.levels().iter().any(|(known, _)| known == name)
        || LOGGERS.iter().any(|known| {
            name.strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || is_path(rest))
        })
}

/// What a logger is to be set to, judged in Kafka's words.
pub(crate) fn judge_level(
    levels: &dyn LogLevels,
    name: &str,
    level: Option<&str>,
) -> Result<LevelChange, ApiError> {
    let refuse = |why| Err(ApiError::new(ErrorCode::InvalidConfig, why));
    if !exists(levels, name) {
        return refuse(format!("Logger {name} does not exist!"));
    }
    let Some(level) = level else {
        if name == ROOT_LOGGER {
            let why = format!("Removing the log level of the {ROOT_LOGGER} logger is not allowed");
            return Err(ApiError::new(ErrorCode::InvalidRequest, why));
        }
        return Ok((name.to_owned(), None));
    };
    match LogLevel::ALL
        .into_iter()
        .find(|known| known.name() == level)
    {
        Some(level) if levels.levels().len() < LEVELS_MAX => Ok((name.to_owned(), Some(level))),
        Some(_) => refuse(format!("More than {LEVELS_MAX} loggers have a level")),
        None => {
            let names: Vec<_> = LogLevel::ALL.iter().map(|level| level.name()).collect();
            refuse(format!(
                "Cannot set the log level of {name} to {level} as it is not a supported log \
                 level. Valid log levels are {}",
                names.join(", ")
            ))
        }
    }
}
