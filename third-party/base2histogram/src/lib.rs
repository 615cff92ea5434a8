//! A stand-in for the crate `base2histogram`, with the part of its interface that openraft uses.
//!
//! The original builds bucket tables for sixteen resolutions when the first histogram is made,
//! 26 MiB that stay resident for the life of the process; openraft uses one resolution and we read
//! none of its histograms. Here buckets are computed, not looked up: four for each power of two,
//! 252 in all, so a percentile is at most 25 % below the value it stands for.

use std::fmt;
use std::marker::PhantomData;

const BUCKETS: usize = 252;

/// Counts values in logarithmic buckets.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: Box<[u64; BUCKETS]>,
    slots: PhantomData<T>,
}

impl<T> Histogram<T> {
    /// Without a value.
    pub fn new() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            slots: PhantomData,
        }
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        let counted = &mut self.counts[bucket(value)];
        *counted = counted.saturating_add(count);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// The lower bound of the bucket that `share` (0.0 to 1.0) of the values do not exceed; 0
    /// without values.
    pub fn percentile(&self, share: f64) -> u64 {
        let total = self.total();
        let target = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        for (index, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= target {
                return lower_bound(index);
            }
        }
        0
    }

    /// The percentiles openraft prints.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total(),
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.1),
            p50: self.percentile(0.5),
            p90: self.percentile(0.9),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Histogram<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.percentile_stats(), f)
    }
}

/// Values below 4 have a bucket each; from there on the two bits below the highest one choose.
fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let high = 63 - value.leading_zeros() as usize;
    (high - 1) * 4 + ((value >> (high - 2)) & 3) as usize
}

fn lower_bound(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    (4 + (bucket as u64 & 3)) << (bucket / 4 - 1)
}

/// Percentiles of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentileStats {
    /// Values counted.
    pub samples: u64,
    /// 0.1th percentile.
    pub p0_1: u64,
    /// 1st percentile.
    pub p1: u64,
    /// 5th percentile.
    pub p5: u64,
    /// 10th percentile.
    pub p10: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[samples: {}, P50: {}, P90: {}, P99: {}, P99.9: {}]",
            self.samples, self.p50, self.p90, self.p99, self.p99_9
        )
    }
}

/// Several histograms, printed as a line of percentiles each.
#[derive(Debug, Default)]
pub struct AsciiChart {
    rows: Vec<(String, PercentileStats)>,
}

impl AsciiChart {
    /// Without a row.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a row more.
    #[must_use]
    pub fn add<T>(mut self, name: impl Into<String>, histogram: Histogram<T>) -> Self {
        self.rows.push((name.into(), histogram.percentile_stats()));
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, stats) in &self.rows {
            writeln!(f, "{name:>22}: {stats}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        for value in (0..4096).chain([u64::MAX, u64::MAX / 2, 1 << 62, (1 << 40) + 7]) {
            let at = bucket(value);
            assert!(lower_bound(at) <= value, "{value}");
            if at + 1 < BUCKETS {
                assert!(value < lower_bound(at + 1), "{value}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_count_what_was_recorded() {
        let mut histogram = Histogram::<()>::new();
        histogram.record_n(3, 90);
        histogram.record_n(1000, 10);
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p50, stats.p99), (100, 3, 896));
        assert_eq!(Histogram::<()>::new().percentile_stats().p99_9, 0);
    }
}
