//! Pairs of runs: the median and range of their ratios, and when they agree.

/// The middle of the values; the mean of the two middle ones where their number is even.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// `median [lowest, highest]`, with these decimals.
pub(super) fn spread(values: &[f64], decimals: usize) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = median(values);
    format!("{middle:.decimals$} [{low:.decimals$}, {high:.decimals$}]")
}

/// How many of the pairs have to agree before a claim is made: eight of nine, or all of fewer.
pub(super) fn needed(pairs: usize) -> usize {
    (pairs * 8).div_ceil(9)
}

/// How many pairs hold, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) held: usize,
    pub(super) pairs: usize,
}

impl Agreement {
    pub(super) fn of(pairs: impl IntoIterator<Item = bool>) -> Self {
        let pairs: Vec<bool> = pairs.into_iter().collect();
        Self {
            held: pairs.iter().filter(|held| **held).count(),
            pairs: pairs.len(),
        }
    }

    pub(super) fn met(self) -> bool {
        self.pairs > 0 && self.held >= needed(self.pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_range_is_the_ends() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread(&[0.5, 0.25, 1.0], 2), "0.50 [0.25, 1.00]");
    }

    #[test]
    fn eight_of_nine_make_a_claim_and_three_of_three() {
        let pairs = |held, of| Agreement::of((0..of).map(|pair| pair < held));
        assert!(pairs(8, 9).met());
        assert!(!pairs(7, 9).met());
        assert!(pairs(3, 3).met());
        assert!(!pairs(2, 3).met());
        assert!(!pairs(0, 0).met(), "nothing measured, nothing claimed");
    }
}
