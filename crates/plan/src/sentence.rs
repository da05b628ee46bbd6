//! Numbers and lists of names in sentences.

use std::fmt::Display;

/// `1 host`, `2 hosts`.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    format!("{number} {}", plural(number, one))
}

/// The word alone: `host` for one, else `hosts`.
pub fn plural<N: PartialEq + From<u8>>(number: N, one: &str) -> String {
    if number == N::from(1) {
        return one.to_owned();
    }
    let is_vowel = |c: char| "aeiou".contains(c);
    match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(is_vowel) => format!("{stem}ies"),
        _ if one.ends_with('s') => format!("{one}es"),
        _ => format!("{one}s"),
    }
}

/// `w1, w2, w3 and 4 more`: at most `most` by name.
pub fn few<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let named: Vec<&str> = names.by_ref().take(most).collect();
    match names.count() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_else_is_many() {
        assert_eq!(count(0, "host"), "0 hosts");
        assert_eq!(count(1_u64, "entry"), "1 entry");
        assert_eq!(count(2_u64, "entry"), "2 entries");
        assert_eq!(count(3, "day"), "3 days");
        assert_eq!(plural(2, "address"), "addresses");
    }

    #[test]
    fn what_is_not_named_is_counted() {
        assert_eq!(few([], 2), "");
        assert_eq!(few(["a", "b"], 2), "a, b");
        assert_eq!(few(["a", "b", "c", "d"], 2), "a, b and 2 more");
    }
}
