//! Versions of what a recipe installs, and how they compare.

use std::cmp::Ordering;

/// One part of a version between two dots.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Text(&'a str),
    Number(u64),
}

fn parts(numbers: &str) -> Vec<Part<'_>> {
    numbers
        .split('.')
        .map(|part| match part.parse() {
            Ok(number) => Part::Number(number),
            Err(_) => Part::Text(part),
        })
        .collect()
}

/// Splits `1.9.0-beta2` into its numbers and its suffix.
fn split(version: &str) -> (&str, Option<&str>) {
    let version = version.trim();
    match version.split_once(['-', '+']) {
        Some((numbers, suffix)) => (numbers, Some(suffix)),
        None => (version, None),
    }
}

/// Orders two versions number by number, so that 1.10 comes after 1.9. A part that is missing
/// counts as 0; a version with a suffix (`-beta`) comes before the same one without.
pub fn compare(left: &str, right: &str) -> Ordering {
    let ((left, left_suffix), (right, right_suffix)) = (split(left), split(right));
    compare_parts(&parts(left), &parts(right)).then_with(|| match (left_suffix, right_suffix) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => compare_suffixes(left, right),
    })
}

fn compare_parts(left: &[Part<'_>], right: &[Part<'_>]) -> Ordering {
    const NOTHING: Part<'_> = Part::Number(0);
    (0..left.len().max(right.len()))
        .map(|at| {
            left.get(at)
                .unwrap_or(&NOTHING)
                .cmp(right.get(at).unwrap_or(&NOTHING))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// `beta2` before `beta10`: the digits at the end count as a number.
fn compare_suffixes(left: &str, right: &str) -> Ordering {
    fn key(suffix: &str) -> (&str, u64) {
        let word = suffix.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = suffix.get(word.len()..).unwrap_or_default();
        (word, number.parse().unwrap_or(0))
    }
    key(left).cmp(&key(right))
}

/// Whether `version` is `least` or comes after it. Where `least` names a line (`1.9`) and `version`
/// a member of it, a suffix does not matter: `1.9.0-beta` is at least `1.9`, but not `1.9.0`.
pub fn at_least(version: &str, least: &str) -> bool {
    let (numbers, _) = split(version);
    let (least_numbers, _) = split(least);
    if belongs_to(version, least) && parts(numbers).len() > parts(least_numbers).len() {
        return true;
    }
    compare(version, least).is_ge()
}

/// Whether `version` is of the release line `line`: its first parts are the line's. `1.8.8` is of
/// `1.8` and of `1`, `1.80.0` is not of `1.8`.
pub fn belongs_to(version: &str, line: &str) -> bool {
    let (version, _) = split(version);
    let (line, suffix) = split(line);
    suffix.is_none() && parts(version).starts_with(&parts(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers() {
        for (left, order, right) in [
            ("1.9", Ordering::Less, "1.10"),
            ("1.8.8", Ordering::Greater, "1.8"),
            ("1.8", Ordering::Equal, "1.8.0"),
            ("2.0.0", Ordering::Greater, "1.13.9"),
            ("1.9.0-beta", Ordering::Less, "1.9.0"),
            ("1.9.0-beta2", Ordering::Less, "1.9.0-beta10"),
            ("1.9.0-beta", Ordering::Less, "1.9.0-rc1"),
            ("1.9.x", Ordering::Less, "1.9.0"),
        ] {
            assert_eq!(compare(left, right), order, "{left} and {right}");
            assert_eq!(compare(right, left), order.reverse(), "{right} and {left}");
        }
    }

    #[test]
    fn at_least_takes_a_line_as_a_whole() {
        for (version, least) in [
            ("1.9", "1.9"),
            ("1.10.2", "1.9"),
            ("1.9.0-beta", "1.9"),
            ("1.9.1", "1.9.0"),
        ] {
            assert!(at_least(version, least), "{version} {least}");
        }
        for (version, least) in [
            ("1.8.8", "1.9"),
            ("1.9.0-beta", "1.9.0"),
            ("1.9-beta", "1.9"),
        ] {
            assert!(!at_least(version, least), "{version} {least}");
        }
    }

    #[test]
    fn a_line_has_members() {
        assert!(belongs_to("1.8.8", "1.8") && belongs_to("1.8", "1.8"));
        assert!(!belongs_to("1.80.0", "1.8") && !belongs_to("1", "1.8"));
    }
}
