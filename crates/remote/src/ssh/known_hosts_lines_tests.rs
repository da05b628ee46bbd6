use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha1::Sha1;

use super::*;
use crate::ssh::known_hosts::{Verdict, judge, new_line};

/// A made-up key in wire format.
fn blob(algorithm: &str, number: u8) -> Vec<u8> {
    let mut blob = u32::try_from(algorithm.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    blob.extend(algorithm.as_bytes());
    blob.extend([0, 0, 0, 1, number]);
    blob
}

fn key(algorithm: &str, number: u8) -> String {
    format!("{algorithm} {}", BASE64.encode(blob(algorithm, number)))
}

fn hashed(name: &str, salt: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).unwrap();
    mac.update(name.as_bytes());
    format!(
        "|1|{}|{}",
        BASE64.encode(salt),
        BASE64.encode(mac.finalize().into_bytes())
    )
}

fn known(text: &str, address: &str, port: u16) -> Vec<KnownKey> {
    KnownLines::parse(text.to_owned(), 1).about(&HostName::new(address, port))
}

/// What `text` says about Ed25519 key 1 of `address`, in a word and the line it is about.
fn says(text: &str, address: &str, port: u16) -> String {
    match judge(&known(text, address, port), &blob("ssh-ed25519", 1)) {
        Verdict::Known => "known".into(),
        Verdict::New => "new".into(),
        Verdict::Changed(key) => format!("changed {}", key.line),
        Verdict::Revoked(key) => format!("revoked {}", key.line),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row for each case")]
fn lines_of_all_kinds() {
    let (one, two) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
    let rsa = key("ssh-rsa", 1);
    let dss = key("ssh-dss", 1);
    for (text, address, port, expected) in [
        (format!("a.example {one}"), "a.example", 22, "known"),
        (format!("a.example {one}"), "A.Example", 22, "known"),
        (format!("A.EXAMPLE {one}"), "a.example", 22, "known"),
        (
            format!("\ta.example\t{}\tcomment of ours", one.replace(' ', "\t")),
            "a.example",
            22,
            "known",
        ),
        (format!("a.example  {one}\r\n"), "a.example", 22, "known"),
        (format!("# a.example {one}"), "a.example", 22, "new"),
        (format!("b.example,10.0.0.1 {one}"), "10.0.0.1", 22, "known"),
        (format!("b.example,10.0.0.1 {one}"), "10.0.0.10", 22, "new"),
        // Other keys.
        (format!("\n\na.example {two}"), "a.example", 22, "changed 3"),
        (
            format!("a.example {two}\na.example {one}"),
            "a.example",
            22,
            "known",
        ),
        (format!("a.example {rsa}"), "a.example", 22, "changed 1"),
        (
            format!("a.example {rsa}\na.example {two}"),
            "a.example",
            22,
            "changed 2",
        ),
        (format!("a.example {dss}"), "a.example", 22, "new"),
        // Ports.
        (
            format!("[a.example]:2222 {one}"),
            "a.example",
            2222,
            "known",
        ),
        (format!("[a.example]:2222 {one}"), "a.example", 22, "new"),
        (format!("[a.example]:2222 {one}"), "a.example", 2223, "new"),
        (format!("a.example {one}"), "a.example", 2222, "known"),
        (format!("a.example {two}"), "a.example", 2222, "new"),
        (format!("[::1]:2222 {one}"), "::1", 2222, "known"),
        // Patterns.
        (format!("*.example {one}"), "a.example", 22, "known"),
        (format!("*.example {one}"), "example", 22, "new"),
        (format!("10.0.0.? {one}"), "10.0.0.7", 22, "known"),
        (format!("10.0.0.? {one}"), "10.0.0.17", 22, "new"),
        (
            format!("*.example,!a.example {one}"),
            "a.example",
            22,
            "new",
        ),
        (
            format!("!a.example,*.example {one}"),
            "a.example",
            22,
            "new",
        ),
        (
            format!("*.example,!a.example {one}"),
            "b.example",
            22,
            "known",
        ),
        (format!("!a.example {one}"), "b.example", 22, "new"),
        (format!("[10.0.*]:22?? {one}"), "10.0.1.1", 2200, "known"),
        // Hashes.
        (
            format!("{} {one}", hashed("a.example", &[7; 20])),
            "a.example",
            22,
            "known",
        ),
        (
            format!("{} {two}", hashed("a.example", &[7; 20])),
            "a.example",
            22,
            "changed 1",
        ),
        (
            format!("{} {one}", hashed("[a.example]:2222", &[7; 20])),
            "a.example",
            2222,
            "known",
        ),
        (
            format!("{} {one}", hashed("b.example", &[7; 20])),
            "a.example",
            22,
            "new",
        ),
        (
            format!(
                "{}\t{}",
                hashed("a.example", &[7; 20]),
                one.replace(' ', "\t")
            ),
            "a.example",
            22,
            "known",
        ),
        (
            format!("{},a.example {one}", hashed("b.example", &[7; 20])),
            "a.example",
            22,
            "known",
        ),
        (
            format!("@revoked {} {one}", hashed("a.example", &[7; 20])),
            "a.example",
            22,
            "revoked 1",
        ),
        (
            format!("{} ssh-ed25519", hashed("a.example", &[7; 20])),
            "a.example",
            22,
            "new",
        ),
        (
            format!("|1|%|% {one}\n|1| {one}\n|2|aa|bb {one}"),
            "a.example",
            22,
            "new",
        ),
        // Markers.
        (
            format!("@revoked a.example {one}"),
            "a.example",
            22,
            "revoked 1",
        ),
        (
            format!("a.example {one}\n@revoked\t*\t{one}"),
            "a.example",
            22,
            "revoked 2",
        ),
        (format!("@revoked a.example {two}"), "a.example", 22, "new"),
        (
            format!("@revoked a.example {two}\na.example {one}"),
            "a.example",
            22,
            "known",
        ),
        (format!("@revoked b.example {one}"), "a.example", 22, "new"),
        (format!("@cert-authority * {one}"), "a.example", 22, "new"),
        (format!("@cert-authority * {two}"), "a.example", 22, "new"),
        (format!("@other a.example {one}"), "a.example", 22, "new"),
        // What makes no sense.
        ("a.example".into(), "a.example", 22, "new"),
        ("a.example ssh-ed25519".into(), "a.example", 22, "new"),
        ("a.example ssh-ed25519 !!!".into(), "a.example", 22, "new"),
        ("a.example ssh-ed25519 AAAA".into(), "a.example", 22, "new"),
        ("a.example 1024 37 12345".into(), "a.example", 22, "new"),
    ] {
        assert_eq!(
            says(&text, address, port),
            expected,
            "{text:?} for {address}:{port}"
        );
    }
}

#[test]
fn a_real_hashed_line_matches() {
    // Made with `ssh-keygen -H` for a.example.
    let line = "|1|oHCdbeTgVfharUHg3jNkwVnKdSY=|TwZoRiw2+7kwJrIwllkqiglF7C4=";
    assert!(names_match(line, "a.example"));
    assert!(!names_match(line, "b.example"));
}

#[test]
fn what_is_written_is_found_again() {
    let host = HostName::new("A.example", 2222);
    let line = new_line(&host, &blob("ssh-ed25519", 1)).unwrap();
    assert!(line.starts_with("[a.example]:2222 ssh-ed25519 "));
    assert_eq!(says(&line, "a.example", 2222), "known");
}

/// The obvious definition, to test the fast one against.
fn slow_match(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if slow_match(rest, text) => true,
        (Some((b'*', _)), Some((_, later))) => slow_match(pattern, later),
        (Some((b'?', rest)), Some((_, later))) => slow_match(rest, later),
        (Some((a, rest)), Some((b, later))) => a.eq_ignore_ascii_case(b) && slow_match(rest, later),
        _ => false,
    }
}

proptest! {
    #[test]
    fn wildcards_mean_what_they_are_said_to_mean(pattern in "[abA*?]{0,8}", text in "[abA]{0,8}") {
        prop_assert_eq!(
            wildcard_match(pattern.as_bytes(), text.as_bytes()),
            slow_match(pattern.as_bytes(), text.as_bytes())
        );
    }

    #[test]
    fn a_name_matches_itself_plain_and_hashed(name in "[a-z0-9.-]{1,30}", port: u16, salt: [u8; 20]) {
        let host = HostName::new(&name, port);
        prop_assert!(names_match(host.as_str(), host.as_str()));
        let other = format!("{}x", host.as_str());
        let hashed = hashed(host.as_str(), &salt);
        prop_assert!(names_match(&hashed, host.as_str()));
        prop_assert!(!names_match(&hashed, &other));
        let refused = format!("*,!{}", host.as_str());
        prop_assert!(!names_match(&refused, host.as_str()));
        prop_assert!(names_match(&refused, &other));
    }

    /// Plain and hashed names are looked up, patterns compared: that gives what comparing every line gives.
    #[test]
    fn looking_up_finds_the_lines_that_comparing_finds(
        lists in prop::collection::vec("(!?[ab*?]{1,2}|#[ab]{1,2})(,(!?[abA*?]{1,2}|#[ab]{1,2})){0,3}", 1..6),
        name in "[ab]{1,2}",
        port in prop::sample::select(vec![22u16, 23]),
    ) {
        let host = HostName::new(&name, port);
        let word = |name: &str| match name.strip_prefix('#') {
            Some(name) => hashed(name, &[7; 20]),
            None => name.to_owned(),
        };
        let lists: Vec<String> = lists
            .iter()
            .map(|list| list.split(',').map(word).collect::<Vec<_>>().join(","))
            .filter(|list| !list.starts_with('#'))
            .collect();
        let text: String =
            lists.iter().map(|list| format!("{list} {}\n", key("ssh-ed25519", 1))).collect();
        let compared: Vec<(usize, bool)> = lists
            .iter()
            .zip(1..)
            .filter_map(|(list, number)| match names_match(list, host.as_str()) {
                true => Some((number, false)),
                false => names_match(list, host.bare()?).then_some((number, true)),
            })
            .collect();
        let looked_up: Vec<(usize, bool)> =
            known(&text, &name, port).iter().map(|key| (key.line, key.bare)).collect();
        prop_assert_eq!(looked_up, compared, "{}", text);
    }

    #[test]
    fn order_of_lines_does_not_change_the_kind_of_verdict(
        numbers in prop::collection::vec((1u8..4, any::<bool>()), 0..5),
    ) {
        let lines: Vec<String> = numbers
            .iter()
            .map(|(number, revoked)| {
                let marker = if *revoked { "@revoked " } else { "" };
                format!("{marker}h {}", key("ssh-ed25519", *number))
            })
            .collect();
        let mut reversed = lines.clone();
        reversed.reverse();
        let word = |lines: &[String]| {
            says(&lines.join("\n"), "h", 22).split(' ').next().unwrap_or_default().to_owned()
        };
        let expected = if numbers.contains(&(1, true)) {
            "revoked"
        } else if numbers.contains(&(1, false)) {
            "known"
        } else if numbers.iter().any(|(_, revoked)| !revoked) {
            "changed"
        } else {
            "new"
        };
        prop_assert_eq!(word(&lines), expected);
        prop_assert_eq!(word(&reversed), expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(@[a-z]{0,8} )?[ -~\t\n|,!*]{0,120}", port: u16) {
        let _ = known(&text, "a.example", port);
    }
}
