//! "Did you mean ...?"

/// No more names than these are compared: a file may set a hundred thousand.
const MAX_CANDIDATES: usize = 1000;

/// The known name that `name` was likely meant to be, if there is one: nearly the same letters, or
/// the same but for case, `-` and `_`.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing long junk letter by letter would take long and lead nowhere.
    if name.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = Letters::of(plain(name));
    let allowed = match wanted.length {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter_map(|candidate| {
            let plain = plain(candidate);
            // Most names need no comparison in order.
            if wanted.differ_at_least(&plain) > allowed {
                return None;
            }
            let distance = strsim::osa_distance(&wanted.text, &plain);
            // Of two that are as near, the one that has the same letters, in another order.
            let near = (distance, wanted.differ_at_least(&plain));
            (distance <= allowed).then_some((near, candidate))
        })
        .min_by_key(|(near, _)| *near)
        .map(|(_, candidate)| candidate)
}

/// A text, and how often each of its letters is in it.
struct Letters {
    text: String,
    length: usize,
    /// By the lowest byte of a letter: names have 64 letters at most.
    counts: [u8; 256],
}

impl Letters {
    fn of(text: String) -> Self {
        let mut counts = [0_u8; 256];
        for letter in text.chars() {
            let count = &mut counts[Self::bucket(letter)];
            *count = count.saturating_add(1);
        }
        let length = text.chars().count();
        Self {
            text,
            length,
            counts,
        }
    }

    fn bucket(letter: char) -> usize {
        usize::from((u32::from(letter) & 0xff) as u8)
    }

    /// How many edits make the other text of this one at the least: each adds, removes or replaces one letter, and
    /// what is only in another order counts for nothing.
    fn differ_at_least(&self, other: &str) -> usize {
        let mut left = self.counts;
        let (mut length, mut added) = (0, 0);
        for letter in other.chars() {
            length += 1;
            let count = &mut left[Self::bucket(letter)];
            added += usize::from(*count == 0);
            *count = count.saturating_sub(1);
        }
        let removed = self.length - (length - added);
        added.max(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_found_and_others_not() {
        let known = ["hosts", "settings", "release", "connect_timeout"];
        for (name, meant) in [
            ("host", Some("hosts")),
            ("Hosts", Some("hosts")),
            ("setings", Some("settings")),
            ("connect-timeout", Some("connect_timeout")),
            ("relaese", Some("release")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(name, known), meant, "{name}");
        }
        assert_eq!(did_you_mean(&"h".repeat(1_000_000), known), None);
        // Letters in another order are nearer than another letter.
        assert_eq!(did_you_mean("crs", ["crt", "csr"]), Some("csr"));
    }

    #[test]
    fn no_more_edits_are_counted_than_there_are() {
        let texts = [
            "",
            "a",
            "ab",
            "ba",
            "hosts",
            "shost",
            "host",
            "release",
            "relaese",
            "abcabcabc",
            "\u{141}od\u{17a}",
            "lodz",
        ];
        for one in texts {
            for other in texts {
                let least = Letters::of(one.to_owned()).differ_at_least(other);
                let edits = strsim::osa_distance(one, other);
                assert!(least <= edits, "{one} {other}: {least}, {edits}");
            }
        }
        assert_eq!(Letters::of("abc".to_owned()).differ_at_least("xyz"), 3);
        assert_eq!(Letters::of("abc".to_owned()).differ_at_least("cab"), 0);
    }
}
