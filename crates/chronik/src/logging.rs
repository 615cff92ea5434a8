//! Log lines: standard error, one line each, RFC 3339 UTC with milliseconds, text or JSON.
//!
//! Levels can be changed while the process runs; what was set at start stays below the changes.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use chronik_server::{LOGGERS, LogLevel, LogLevels, ROOT_LOGGER};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Starts logging. `level` is a level or a filter; `format` is `text` or `json`.
pub(crate) fn init(level: &str, format: &str) -> Result<Levels, String> {
    // openraft narrates every tick; whoever wants that names it.
    let directives = if level.contains([',', '=']) {
        level.to_owned()
    } else {
        format!("{level},openraft=error")
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| format!("chronik.log.level: {level:?} is no level or filter: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcMillis)
        .with_writer(io::stderr);
    let reload: Reload = if format == "json" {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
    } else {
        let builder = builder
            .with_target(false)
            .with_ansi(false)
            .with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
    };
    Ok(Levels {
        directives,
        changed: Mutex::default(),
        reload,
    })
}

type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The levels of this process's log.
pub(crate) struct Levels {
    /// What counted at start.
    directives: String,
    changed: Mutex<BTreeMap<String, LogLevel>>,
    reload: Reload,
}

impl LogLevels for Levels {
    fn levels(&self) -> Vec<(String, LogLevel)> {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut levels = at_start(&self.directives);
        levels.extend(changed.iter().map(|(name, level)| (name.clone(), *level)));
        levels.into_iter().collect()
    }

    fn change(&self, changes: &[(String, Option<LogLevel>)]) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for (logger, level) in changes {
            match level {
                Some(level) => changed.insert(logger.clone(), *level),
                None => changed.remove(logger),
            };
        }
        let text = with_changes(&self.directives, &changed);
        drop(changed);
        let done = EnvFilter::try_new(text)
            .map_err(|error| error.to_string())
            .and_then(|filter| (self.reload)(filter));
        match done {
            Ok(()) => {
                for (logger, level) in changes {
                    let level = level.map_or("as at start", LogLevel::name);
                    tracing::info!(
                        event = "log_level_changed",
                        logger,
                        level,
                        "the log's level changed"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(event = "log_levels_kept", %error, "cannot change the log's levels");
            }
        }
    }
}

/// The loggers' levels that a filter says; those it does not name have the root's.
fn at_start(directives: &str) -> BTreeMap<String, LogLevel> {
    let mut named = BTreeMap::new();
    for directive in directives.split(',').map(str::trim) {
        let (name, level) = directive
            .split_once('=')
            .unwrap_or((ROOT_LOGGER, directive));
        if let Some(level) = LogLevel::by_name(level) {
            named.insert(name.to_owned(), level);
        }
    }
    // A filter that says nothing of the rest lets only errors through.
    let root = *named
        .entry(ROOT_LOGGER.to_owned())
        .or_insert(LogLevel::Error);
    for logger in LOGGERS {
        named.entry((*logger).to_owned()).or_insert(root);
    }
    named
}

/// The filter with what was changed since the start; a later directive wins.
fn with_changes(directives: &str, changed: &BTreeMap<String, LogLevel>) -> String {
    let mut text = directives.to_owned();
    for (name, level) in changed {
        let level = match level {
            LogLevel::Fatal | LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        };
        text += &if name == ROOT_LOGGER {
            format!(",{level}")
        } else {
            format!(",{name}={level}")
        };
    }
    text
}

struct UtcMillis;

impl FormatTime for UtcMillis {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis());
        w.write_str(&rfc3339(i64::try_from(now).unwrap_or(i64::MAX)))
    }
}

/// Milliseconds since 1970 as `2026-11-21T16:04:05.678Z`.
pub(crate) fn rfc3339(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, milli) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month and day of a day number since 1970-01-01, counted in eras of 400 years that start
/// on 1 March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_the_level_of_every_logger_and_changes_come_after_it() {
        let levels = at_start("warn,openraft=error,chronik_log::journal=trace");
        assert_eq!(levels["root"], LogLevel::Warn);
        assert_eq!(levels["chronik_server"], LogLevel::Warn);
        assert_eq!(levels["openraft"], LogLevel::Error);
        assert_eq!(levels["chronik_log::journal"], LogLevel::Trace);
        let changed = [
            ("root", LogLevel::Fatal),
            ("chronik_server", LogLevel::Debug),
        ];
        let changed = changed.map(|(name, level)| (name.to_owned(), level)).into();
        let text = with_changes("info", &changed);
        assert_eq!(text, "info,chronik_server=debug,error");
        assert!(EnvFilter::try_new(text).is_ok());
    }

    #[test]
    fn known_moments_are_written_right() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_276_845_678), "2026-11-21T16:00:45.678Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
