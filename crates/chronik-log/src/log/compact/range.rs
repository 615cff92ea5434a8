//! What of a log may be compacted, whether it is worth it, and in which groups: on facts alone.
//!
//! ```text
//! log start ... cleaned offset ... end of what may be cleaned ... active segment
//!     `---- clean ----'`------------ dirty ------------'
//! ```

use chronik_types::Offset;

/// Segments rewritten into one at most: they are renamed under the log's lock.
const GROUP_SEGMENTS_MAX: usize = 64;
/// A position in an offset index is an i32 for Kafka.
const LOG_BYTES_MAX: u64 = (u32::MAX >> 1) as u64;

/// What matters of a closed segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    pub(super) base: Offset,
    /// Where the next segment begins.
    pub(super) next: Offset,
    pub(super) bytes: u64,
    /// Bytes of its larger index.
    pub(super) index_bytes: u64,
    /// The greatest timestamp, in ms.
    pub(super) newest: Option<i64>,
    /// The first batch's timestamp, or when the segment was begun, in ms.
    pub(super) oldest: i64,
    /// Whether all of it is synced and below the recovery point.
    pub(super) settled: bool,
}

/// Rules and positions that decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// Below it compaction has been (exclusive).
    pub(super) cleaned: Offset,
    /// High watermark or last stable offset (exclusive).
    pub(super) stable: Offset,
    /// Wall clock, in ms.
    pub(super) now: i64,
    pub(super) dirty_millionths_min: u32,
    pub(super) lag_ms_min: u64,
    pub(super) lag_ms_max: Option<u64>,
    pub(super) segment_bytes: u64,
    pub(super) index_bytes_max: u64,
}

/// How dirty a log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Dirtiness {
    /// Where the dirty part begins.
    pub(super) first: Offset,
    /// Where it ends (exclusive): the end of a segment.
    pub(super) end: Offset,
    pub(super) clean_bytes: u64,
    pub(super) dirty_bytes: u64,
}

impl Dirtiness {
    /// Dirty bytes of all that may be cleaned, in millionths.
    pub(super) fn millionths(&self) -> u32 {
        let total = self.clean_bytes + self.dirty_bytes;
        let part = u128::from(self.dirty_bytes) * 1_000_000;
        let ratio = part.checked_div(u128::from(total)).unwrap_or(0);
        u32::try_from(ratio).unwrap_or(u32::MAX)
    }
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Compact this.
    Clean(Dirtiness),
    /// Something is dirty that time, a sync or the high watermark holds back.
    Later,
    /// Nothing before another segment is closed.
    Nothing,
}

/// Measures the closed segments up to the first that may not be cleaned yet, or all of them with
/// `held_back_too`.
pub(super) fn measure(segments: &[Facts], limits: &Limits, held_back_too: bool) -> Dirtiness {
    let mut found = Dirtiness {
        first: limits.cleaned,
        end: limits.cleaned,
        ..Dirtiness::default()
    };
    for segment in segments {
        if segment.next <= limits.cleaned {
            found.clean_bytes += segment.bytes;
            continue;
        }
        let held_back =
            !segment.settled || segment.next > limits.stable || is_young(segment, limits);
        if held_back && !held_back_too {
            break;
        }
        found.dirty_bytes += segment.bytes;
        found.end = segment.next;
    }
    found
}

fn is_young(segment: &Facts, limits: &Limits) -> bool {
    let age = |time: i64| limits.now.saturating_sub(time);
    limits.lag_ms_min > 0
        && segment.newest.is_some_and(|newest| {
            !u64::try_from(age(newest)).is_ok_and(|age| age >= limits.lag_ms_min)
        })
}

/// Whether a log is to be compacted now.
pub(super) fn decide(segments: &[Facts], limits: &Limits) -> Decision {
    let found = measure(segments, limits, false);
    if found.dirty_bytes > 0
        && (found.millionths() > limits.dirty_millionths_min || is_overdue(segments, limits))
    {
        return Decision::Clean(found);
    }
    let all = measure(segments, limits, true);
    let waits_for_age = all.dirty_bytes > 0 && limits.lag_ms_max.is_some();
    let held_back =
        all.dirty_bytes > found.dirty_bytes && all.millionths() > limits.dirty_millionths_min;
    if waits_for_age || held_back {
        Decision::Later
    } else {
        Decision::Nothing
    }
}

fn is_overdue(segments: &[Facts], limits: &Limits) -> bool {
    let dirty = segments.iter().filter(|s| s.next > limits.cleaned);
    let oldest = dirty.map(|segment| segment.oldest).min();
    limits.lag_ms_max.zip(oldest).is_some_and(|(lag, oldest)| {
        u64::try_from(limits.now.saturating_sub(oldest)).is_ok_and(|age| age > lag)
    })
}

/// Cuts the segments that begin below `upto` into groups, each to be rewritten as one segment
/// within the limits of a segment.
pub(super) fn groups(segments: &[Facts], upto: Offset, limits: &Limits) -> Vec<Vec<Facts>> {
    let mut groups: Vec<Vec<Facts>> = Vec::new();
    let (mut bytes, mut index_bytes) = (0, 0);
    for segment in segments.iter().take_while(|segment| segment.base < upto) {
        let joins = groups
            .last()
            .and_then(|group| group.first())
            .is_some_and(|first| {
                bytes + segment.bytes <= limits.segment_bytes.min(LOG_BYTES_MAX)
                    && index_bytes + segment.index_bytes <= limits.index_bytes_max
                    && i32::try_from(segment.next.get() - first.base.get()).is_ok()
            });
        let room = |group: &&mut Vec<Facts>| group.len() < GROUP_SEGMENTS_MAX;
        match groups.last_mut().filter(room) {
            Some(group) if joins => group.push(*segment),
            _ => {
                groups.push(vec![*segment]);
                (bytes, index_bytes) = (0, 0);
            }
        }
        bytes += segment.bytes;
        index_bytes += segment.index_bytes;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Segments of 100 offsets and 1000 bytes, an hour apart, the last an hour old.
    fn segments(count: i64) -> Vec<Facts> {
        (0..count)
            .map(|n| Facts {
                base: Offset::new(n * 100),
                next: Offset::new((n + 1) * 100),
                bytes: 1000,
                index_bytes: 80,
                newest: Some((n - count) * HOUR),
                oldest: (n - count) * HOUR - 10,
                settled: true,
            })
            .collect()
    }

    fn limits(cleaned: i64) -> Limits {
        Limits {
            cleaned: Offset::new(cleaned),
            stable: Offset::new(1_000_000),
            now: 0,
            dirty_millionths_min: 500_000,
            lag_ms_min: 0,
            lag_ms_max: None,
            segment_bytes: 3000,
            index_bytes_max: 1000,
        }
    }

    fn end(decision: Decision) -> Option<i64> {
        match decision {
            Decision::Clean(dirty) => Some(dirty.end.get()),
            Decision::Later | Decision::Nothing => None,
        }
    }

    #[test]
    fn a_log_is_cleaned_once_more_than_the_ratio_is_dirty() {
        let segments = segments(4);
        assert_eq!(end(decide(&segments, &limits(0))), Some(400));
        assert_eq!(end(decide(&segments, &limits(100))), Some(400));
        assert_eq!(decide(&segments, &limits(200)), Decision::Nothing);
        assert_eq!(decide(&segments, &limits(400)), Decision::Nothing);
        // A segment that is half clean counts as dirty.
        assert_eq!(end(decide(&segments, &limits(150))), Some(400));
        let eager = Limits {
            dirty_millionths_min: 0,
            ..limits(300)
        };
        assert_eq!(end(decide(&segments, &eager)), Some(400));
    }

    #[test]
    fn the_range_ends_at_the_high_watermark_the_recovery_point_and_the_young() {
        let mut all = segments(4);
        let stable = Limits {
            stable: Offset::new(399),
            ..limits(0)
        };
        assert_eq!(end(decide(&all, &stable)), Some(300));
        let young = Limits {
            lag_ms_min: 2 * HOUR as u64 + 1,
            ..limits(0)
        };
        assert_eq!(end(decide(&all, &young)), Some(200));
        for segment in &mut all[1..] {
            segment.settled = false;
        }
        assert_eq!(end(decide(&all, &limits(0))), Some(100));
        assert_eq!(decide(&all, &limits(100)), Decision::Later);
    }

    #[test]
    fn an_old_record_is_compacted_whatever_the_ratio() {
        let segments = segments(4);
        let lag = |hours: i64| Limits {
            lag_ms_max: Some((hours * HOUR) as u64),
            ..limits(300)
        };
        assert_eq!(end(decide(&segments, &lag(1))), Some(400));
        assert_eq!(decide(&segments, &lag(2)), Decision::Later);
    }

    #[test]
    fn groups_keep_to_the_limits_of_one_segment() {
        let bases = |limits: &Limits, upto| -> Vec<Vec<i64>> {
            groups(&segments(7), Offset::new(upto), limits)
                .iter()
                .map(|group| group.iter().map(|s| s.base.get() / 100).collect())
                .collect()
        };
        let by_bytes = vec![vec![0, 1, 2], vec![3, 4, 5], vec![6]];
        assert_eq!(bases(&limits(0), 700), by_bytes);
        assert_eq!(bases(&limits(0), 401), [vec![0, 1, 2], vec![3, 4]]);
        let index = Limits {
            index_bytes_max: 160,
            ..limits(0)
        };
        assert_eq!(bases(&index, 400), [[0, 1], [2, 3]]);
        let mut far = segments(2);
        far[1].next = Offset::new(i64::from(i32::MAX) + 1);
        assert_eq!(groups(&far, Offset::new(200), &limits(0)).len(), 2);
        far[1].next = Offset::new(i64::from(i32::MAX));
        assert_eq!(groups(&far, Offset::new(200), &limits(0)).len(), 1);
    }
}
