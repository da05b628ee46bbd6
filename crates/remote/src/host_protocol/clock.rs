//! What a host measures by its own clock.

use std::time::Duration;

use crate::answer::field;

use super::numbers::uptime;

/// How long lies between the words `from=` and `to=`, which are seconds since the host's boot.
pub(super) fn between(words: &str) -> Option<Duration> {
    let at = |name| field(words, name).and_then(uptime);
    at("to")?.checked_sub(at("from")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_needed() {
        let cases = [
            ("rc=0 from=10.50 to=12.06", Some(1_560)),
            ("from=10.50 to=10.50", Some(0)),
            ("from=10.50", None),
            ("from=10.5 to=12.06", None),
            ("from=12.06 to=10.50", None),
            ("from=10.50 to=18446744073709551.61", None),
            ("", None),
        ];
        for (words, ms) in cases {
            assert_eq!(between(words), ms.map(Duration::from_millis), "{words}");
        }
    }
}
