//! How many hosts a role may have.

use std::collections::BTreeSet;

/// How many hosts a role may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// One of these numbers.
    OneOf(BTreeSet<usize>),
    /// From the first number to the second, both included; without a second there is no limit.
    Range(usize, Option<usize>),
}

impl Default for Counts {
    fn default() -> Self {
        Self::Range(0, None)
    }
}

impl Counts {
    /// Reads `3`, `0..`, `1..` or `2..5`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((low, high)) = text.split_once("..") else {
            return Some(Self::OneOf(BTreeSet::from([text.parse().ok()?])));
        };
        let low = low.trim().parse().ok()?;
        let high = match high.trim() {
            "" => None,
            high => Some(high.parse().ok()?),
        };
        high.is_none_or(|high| low <= high)
            .then_some(Self::Range(low, high))
    }

    /// Whether a role may have so many hosts.
    pub fn allows(&self, hosts: usize) -> bool {
        match self {
            Self::OneOf(numbers) => numbers.contains(&hosts),
            Self::Range(low, high) => *low <= hosts && high.is_none_or(|high| hosts <= high),
        }
    }

    /// The most hosts that a role may have, where there is a limit.
    pub fn most(&self) -> Option<usize> {
        match self {
            Self::OneOf(numbers) => numbers.last().copied(),
            Self::Range(_, high) => *high,
        }
    }

    /// The allowed numbers next to `hosts`, below and above.
    pub fn nearest(&self, hosts: usize) -> (Option<usize>, Option<usize>) {
        match self {
            Self::OneOf(numbers) => (
                numbers.range(..hosts).next_back().copied(),
                numbers.range(hosts.saturating_add(1)..).next().copied(),
            ),
            Self::Range(low, high) => (
                high.filter(|high| *high < hosts),
                Some(*low).filter(|low| *low > hosts),
            ),
        }
    }

    /// In words: `1, 3 or 5`, `at least 1`, `2 to 5`, `any number of`.
    pub fn describe(&self) -> String {
        match self {
            Self::OneOf(numbers) => {
                let words: Vec<String> = numbers.iter().map(usize::to_string).collect();
                match words.split_last() {
                    Some((last, [])) => last.clone(),
                    Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
                    None => "no".into(),
                }
            }
            Self::Range(0, None) => "any number of".into(),
            Self::Range(low, None) => format!("at least {low}"),
            Self::Range(low, Some(high)) if low == high => low.to_string(),
            Self::Range(low, Some(high)) => format!("{low} to {high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_told() {
        for (text, told) in [
            ("3", "3"),
            ("0..", "any number of"),
            ("1..", "at least 1"),
            ("2..5", "2 to 5"),
            ("2..2", "2"),
        ] {
            let counts = Counts::parse(text).expect(text);
            assert_eq!(counts.describe(), told);
        }
        for bad in ["", "..", "5..2", "-1", "many", "..5", "1...5"] {
            assert_eq!(Counts::parse(bad), None, "{bad}");
        }
        let odd = Counts::OneOf(BTreeSet::from([1, 3, 5]));
        assert_eq!(odd.describe(), "1, 3 or 5");
        assert!(odd.allows(3) && !odd.allows(2));
        assert_eq!(odd.nearest(2), (Some(1), Some(3)));
        assert_eq!(odd.nearest(9), (Some(5), None));
        assert!(!Counts::Range(2, Some(5)).allows(6));
    }
}
