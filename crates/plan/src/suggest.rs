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
    let wanted = plain(name);
    let allowed = match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .take(MAX_CANDIDATES)
        .map(|candidate| {
            let distance = strsim::osa_distance(&wanted, &plain(candidate));
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
    }
}
