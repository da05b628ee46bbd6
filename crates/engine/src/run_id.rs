//! A run's name.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use phalanx_plan::is_plain_name;

/// A run's name: when it began (UTC), and five letters, of which the first two are the fraction of
/// the second and the others are drawn by lot, such as `20170427-202350-k3wzu`. Sorted by name, runs
/// are sorted by time, as far as the clock was right; which came after which is told by
/// [`RunFolder::list`](crate::RunFolder::list).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// Draws a new one.
    pub fn draw(now: Timestamp) -> Self {
        // In the order of their codes, so that names sort.
        const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
        let letter = |number: u64| char::from(LETTERS[(number % 32) as usize]);
        let fraction = u64::try_from(now.subsec_nanosecond()).unwrap_or(0) * 1024 / 1_000_000_000;
        // The standard library's hash keys are drawn by the system; nothing secret hangs on them.
        let lot = RandomState::new().build_hasher().finish();
        let tail: String = [fraction / 32, fraction, lot, lot / 32, lot / 1024]
            .into_iter()
            .map(letter)
            .collect();
        let stamp = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S");
        Self(format!("{stamp}-{tail}"))
    }

    /// Whether it can be a run's name: such a one leads out of no folder, and is a word that can be typed.
    pub fn is_plain(&self) -> bool {
        is_plain_name(&self.0)
    }

    /// Takes a name that the user typed or a folder bears.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_else_in_it_is_no_runs() {
        assert!(RunId::draw(Timestamp::UNIX_EPOCH).is_plain());
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a b",
            "x;id",
            "\u{1b}]0;t\u{7}",
            ".new",
        ] {
            assert!(!RunId::new(name).is_plain(), "{name:?}");
        }
    }

    #[test]
    fn names_sort_by_time_and_differ() {
        let early: Timestamp = "2017-04-27T20:23:50Z".parse().unwrap();
        let late: Timestamp = "2017-04-27T20:23:51Z".parse().unwrap();
        let (one, two) = (RunId::draw(early), RunId::draw(late));
        assert!(one.as_str().starts_with("20170427-202350-"), "{one}");
        assert_eq!(one.as_str().len(), 21);
        assert!(one < two);
        let later: Timestamp = "2017-04-27T20:23:50.004Z".parse().unwrap();
        assert!(one < RunId::draw(later), "within the same second as well");
        let names: std::collections::BTreeSet<_> = (0..64).map(|_| RunId::draw(early)).collect();
        assert!(names.len() > 60);
    }
}
