//! Two programs measured in pairs: by how much the new one differs, and how sure that is.

use crate::table::median;

/// A difference of so much is the most that is taken for none.
pub(super) const MARGIN: f64 = 0.05;
/// The least certainty that an interval is asked for.
const CERTAINTY: f64 = 0.95;

/// One round: both were measured right after one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) old: f64,
    pub(super) new: f64,
}

/// What the rounds say together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) old: Spread,
    pub(super) new: Spread,
    /// The new median divided by the old one.
    pub(super) ratio: f64,
    /// In which the median of all such rounds' ratios lies, with this certainty.
    pub(super) interval: Interval,
}

/// A median, with the least and the most that was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Where a median lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
    /// From 0 to 1.
    pub(super) certainty: f64,
}

/// What is to be said of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Medians and interval are within the margin.
    Within,
    /// The medians are; that more rounds would say so is not certain.
    WithinByMedians,
    /// The new one takes less, by more than the margin.
    Faster,
    /// The new one takes more, by more than the margin.
    Slower,
    /// The medians are further apart than the margin; that more rounds would say so is not certain.
    ApartByMedians,
}

impl Verdict {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Within => "within 5 %",
            Self::WithinByMedians => "medians within 5 %, not certain",
            Self::Faster => "less by more than 5 %",
            Self::Slower => "more by more than 5 %",
            Self::ApartByMedians => "medians more than 5 % apart, not certain",
        }
    }
}

impl Comparison {
    /// Of at least one round.
    pub(super) fn of(pairs: &[Pair]) -> Self {
        let old: Vec<f64> = pairs.iter().map(|pair| pair.old).collect();
        let new: Vec<f64> = pairs.iter().map(|pair| pair.new).collect();
        let ratios: Vec<f64> = pairs.iter().map(|pair| pair.new / pair.old).collect();
        Self {
            old: spread(&old),
            new: spread(&new),
            ratio: median(&new) / median(&old),
            interval: interval(&ratios),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let Interval { low, high, .. } = self.interval;
        let within = |ratio: f64| (1.0 - MARGIN..=1.0 + MARGIN).contains(&ratio);
        match within(self.ratio) {
            true if within(low) && within(high) => Verdict::Within,
            true => Verdict::WithinByMedians,
            false if low > 1.0 + MARGIN => Verdict::Slower,
            false if high < 1.0 - MARGIN => Verdict::Faster,
            false => Verdict::ApartByMedians,
        }
    }
}

fn spread(values: &[f64]) -> Spread {
    Spread {
        median: median(values),
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// The narrowest pair of measured values between which the median lies with enough certainty, whatever the values'
/// distribution: each value is above the median or below it, like a coin. Where the values are too few, the least and
/// the most of them, with the certainty that they give.
fn interval(values: &[f64]) -> Interval {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let outside = outside(sorted.len());
    // So many values are left out at each end.
    let left_out = outside
        .iter()
        .rposition(|both| 1.0 - both >= CERTAINTY)
        .unwrap_or(0);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    Interval {
        low: at(left_out),
        high: at(sorted.len().saturating_sub(left_out + 1)),
        certainty: 1.0 - outside.get(left_out).copied().unwrap_or(1.0),
    }
}

/// How likely the median lies outside, where none, one, two ... values are left out at each end.
fn outside(values: usize) -> Vec<f64> {
    let mut exactly = 0.5_f64.powi(i32::try_from(values).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    (0..values.div_ceil(2))
        .map(|heads| {
            sum += exactly;
            exactly *= (values - heads) as f64 / (heads + 1) as f64;
            2.0 * sum
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(ratios: &[f64]) -> Vec<Pair> {
        let pair = |ratio: &f64| Pair {
            old: 10.0,
            new: 10.0 * ratio,
        };
        ratios.iter().map(pair).collect()
    }

    #[test]
    fn an_interval_leaves_out_as_many_values_as_it_may() {
        let values: Vec<f64> = (1..=6).map(f64::from).collect();
        // 1 - 2/64
        let six = Interval {
            low: 1.0,
            high: 6.0,
            certainty: 0.96875,
        };
        assert_eq!(interval(&values), six);
        let values: Vec<f64> = (1..=12).map(f64::from).collect();
        let twelve = interval(&values);
        assert_eq!((twelve.low, twelve.high), (3.0, 10.0));
        // 1 - 2 * (1 + 12 + 66) / 4096
        assert!((twelve.certainty - 0.961_425_781_25).abs() < 1e-12);
    }

    #[test]
    fn of_few_values_the_certainty_is_told() {
        let three = interval(&[2.0, 1.0, 3.0]);
        assert_eq!((three.low, three.high, three.certainty), (1.0, 3.0, 0.75));
        let one = interval(&[2.0]);
        assert_eq!((one.low, one.high, one.certainty), (2.0, 2.0, 0.0));
    }

    #[test]
    fn a_verdict_is_of_the_medians_and_of_the_noise() {
        let verdict = |ratios: &[f64]| Comparison::of(&pairs(ratios)).verdict();
        assert_eq!(
            verdict(&[1.0, 1.01, 0.99, 1.02, 0.98, 1.0]),
            Verdict::Within
        );
        assert_eq!(
            verdict(&[1.0, 1.3, 0.99, 1.02, 0.98, 1.0]),
            Verdict::WithinByMedians
        );
        assert_eq!(verdict(&[1.1, 1.12, 1.09, 1.1, 1.1, 1.1]), Verdict::Slower);
        assert_eq!(verdict(&[0.8, 0.82, 0.79, 0.8, 0.8, 0.8]), Verdict::Faster);
        assert_eq!(
            verdict(&[1.1, 1.12, 0.97, 1.1, 1.1, 1.1]),
            Verdict::ApartByMedians
        );
    }
}
