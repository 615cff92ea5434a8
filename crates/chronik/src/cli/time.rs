//! Times and durations as people write them.
//!
//! A time is RFC 3339 with a zone (`2026-11-21T16:00:00Z`, `2026-11-21 17:00:00.5+01:00`), `now`,
//! or a duration before now (`-15m`). A duration is a whole number with a unit: `500ms`, `5s`,
//! `2m`, `1h`, `7d`. Absent: times without a zone, which mean something else on every machine.

use std::time::Duration;

const DAY: i64 = 86_400_000;

/// Reads a duration.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    millis(text).map(Duration::from_millis).ok_or_else(|| {
        format!("{text:?} is no duration: write a whole number with ms, s, m, h or d, such as 5s")
    })
}

fn millis(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Reads a time, in milliseconds since 1970; `now` is the present one.
pub(super) fn parse_time(text: &str, now: i64) -> Result<i64, String> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(before) = text.strip_prefix('-') {
        let before = parse_duration(before)?;
        let before = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
        return Ok(now.saturating_sub(before));
    }
    rfc3339(text).ok_or_else(|| {
        format!(
            "{text:?} is no time: write 2026-11-21T16:00:00Z (with a zone), now, or -15m for a quarter of an hour ago"
        )
    })
}

fn rfc3339(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let separated = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    for (at, allowed) in separated {
        if !allowed.contains(char::from(*bytes.get(at)?)) {
            return None;
        }
    }
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // The second that is put in now and then counts as the one after it.
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (milli, zone) = fraction(text.get(19..)?)?;
    let offset = zone_minutes(zone)?;
    let of_day = ((hour * 60 + minute) * 60 + second) * 1000 + milli;
    Some(days_since_1970(year, month, day) * DAY + of_day - offset * 60_000)
}

/// Only digits, no sign.
fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// Milliseconds after the point, if there is one, and what follows.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (number, zone) = rest.split_at(end);
    // What is finer than a millisecond is cut off.
    let millis = format!("{number:0<3}");
    (!number.is_empty()).then_some((digits(&millis[..3])?, zone))
}

fn zone_minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number of a day, counted in years that start on 1 March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month_from_march) = match month {
        3.. => (year, month - 3),
        _ => (year - 1, month + 9),
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging;

    const NOW: i64 = 1_795_276_845_678;

    #[test]
    fn known_moments_are_read_right_in_any_zone() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2026-11-21T16:00:45.678Z", NOW),
            ("2026-11-21 17:00:45.678+01:00", NOW),
            ("2026-11-21t10:30:45.6789999-05:30", NOW),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2026-11-21T16:00:45.6z", NOW - 78),
        ] {
            assert_eq!(parse_time(text, 0), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back_for_centuries() {
        let mut millis = -3_000_000_000_000;
        while millis < 30_000_000_000_000 {
            assert_eq!(parse_time(&logging::rfc3339(millis), 0), Ok(millis));
            millis += 86_400_000 * 13 + 3_661_007;
        }
    }

    #[test]
    fn relative_times_count_back_from_now() {
        assert_eq!(parse_time("now", NOW), Ok(NOW));
        assert_eq!(parse_time("-15m", NOW), Ok(NOW - 900_000));
        assert_eq!(parse_time("-2h", NOW), Ok(NOW - 7_200_000));
        assert_eq!(parse_time("-7d", NOW), Ok(NOW - 7 * DAY));
    }

    #[test]
    fn a_time_that_leaves_something_open_is_refused_with_an_example() {
        for text in [
            "",
            "yesterday",
            "2026-11-21",
            "2026-11-21T16:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T16:00:00.Z",
            "2026-11-21T16:00:00+1:00",
            "2026-11-21T+6:00:00Z",
            "15m",
            "-15",
            "-",
            "2026-11-21\u{e9}16:00:00Z",
        ] {
            let error = parse_time(text, NOW).unwrap_err();
            assert!(
                error.contains("such as") || error.contains("2026-11-21T16:00:00Z"),
                "{error}"
            );
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("1d"), Ok(Duration::from_secs(86_400)));
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "5 s",
            "1.5s",
            "5w",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
