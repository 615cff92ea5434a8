//! Log lines: standard error, one line each, RFC 3339 UTC with milliseconds, text or JSON.

use std::fmt;
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Starts logging. `level` is a level or a filter; `format` is `text` or `json`.
pub(crate) fn init(level: &str, format: &str) -> Result<(), String> {
    // openraft narrates every tick; whoever wants that names it.
    let directives = if level.contains([',', '=']) {
        level.to_owned()
    } else {
        format!("{level},openraft=error")
    };
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("chronik.log.level: {level:?} is no level or filter: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(UtcMillis)
        .with_writer(io::stderr);
    if format == "json" {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_target(false).with_ansi(false).init();
    }
    Ok(())
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
    use super::rfc3339;

    #[test]
    fn known_moments_are_written_right() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_795_276_845_678), "2026-11-21T16:00:45.678Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }
}
