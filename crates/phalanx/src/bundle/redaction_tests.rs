//! Redaction, from outside.

use proptest::prelude::*;
use serde_json::json;

use super::redaction::*;
use super::*;

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let secrets = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
    Redactor::new(&secrets.collect()).unwrap()
}

fn text(secrets: &[(&str, &str)], text: &str) -> String {
    redactor(secrets).text(text, &mut Counts::new())
}

#[test]
fn what_looks_like_a_secret_goes_and_the_rest_stays() {
    for (raw, shown) in [
        (
            "git clone https://me:pa:ss@h/x",
            "git clone https://me:[redacted password]@h/x",
        ),
        (
            "http://10.0.0.1:8080/a?b=c@d",
            "http://10.0.0.1:8080/a?b=c@d",
        ),
        (
            "> Authorization: Basic bWU6cHc=",
            "> Authorization: [redacted header]",
        ),
        (
            "curl -H 'Cookie: a=b; c=d' http://x",
            "curl -H 'Cookie: [redacted header]' http://x",
        ),
        (
            r#"{"Authorization": "token=abc", "n": 1}"#,
            r#"{"Authorization": "[redacted header]", "n": 1}"#,
        ),
        (
            "db_password = hunter2 # x",
            "db_password = [redacted password] # x",
        ),
        ("PASSWORD='hunter 2' x", "PASSWORD=[redacted password] x"),
        (
            r#""api_key":"abc","n":1"#,
            r#""api_key":[redacted password],"n":1"#,
        ),
        (
            r#"{\"secret\":\"a b\",\"n\":1}"#,
            r#"{\"secret\":[redacted password]\",\"n\":1}"#,
        ),
        ("x --token abc --n 1", "x --token [redacted password] --n 1"),
        ("token: abc", "token: [redacted password]"),
        ("Bearer abcdefgh1234", "Bearer [redacted token]"),
        ("eyJhbGciOiJI.eyJ1aWQiOi.x-_y z", "[redacted token] z"),
        ("id AKIAIOSFODNN7EXAMPLE.", "id [redacted access key]."),
        (
            "root:$6$rounds=656000$ab$cd./ef:1",
            "root:[redacted password hash]:1",
        ),
        (
            "aws_secret_access_key = wJalr/x+y",
            "aws_secret_access_key = [redacted password]",
        ),
        (
            "no password for sudo; the token is there",
            "no password for sudo; the token is there",
        ),
    ] {
        assert_eq!(text(&[], raw), shown);
        // Once is enough.
        assert_eq!(text(&[], shown), shown);
    }
}

#[test]
fn private_keys_go_whole_or_cut() {
    let lines = "MIIEpAIBAAKCAQEAabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL\n".repeat(9);
    let whole = format!(
        "a\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{lines}ab==\n-----END RSA PRIVATE KEY-----\nb\n"
    );
    assert_eq!(text(&[], &whole), "a\n[redacted private key]\nb\n");
    let in_json = serde_json::to_string(&whole).unwrap();
    assert_eq!(text(&[], &in_json), r#""a\n[redacted private key]\nb\n""#);
    let cut = format!("a\n-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}");
    assert_eq!(text(&[], &cut).trim_end(), "a\n[redacted private key]");
    let cut = format!("{lines}ab==\n-----END PRIVATE KEY-----\nb");
    assert_eq!(text(&[], &cut), "[redacted private key]\nb");
    let public = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----";
    assert_eq!(text(&[], public), public);
}

#[test]
fn a_known_value_is_named_and_never_half_taken() {
    let known = [("admin", "my secret=1"), ("other", "secret=12345")];
    assert_eq!(
        text(&known, "password=my secret=1 x"),
        "password=[secret admin] x"
    );
    // Both stand here, one in the other.
    assert_eq!(text(&known, "my secret=12345"), "[secret admin]");
    assert_eq!(
        text(&[("a", "abc"), ("b", "abcdef")], "abcdef"),
        "[secret a]"
    );
}

#[test]
fn documents_keep_their_form() {
    let redactor = redactor(&[("pin", "4711"), ("word", "say \"friend\"")]);
    let mut document = json!({
        "facts": { "root_password": "$6$short", "n": 4711, "empty_token": "" },
        "lines": ["he said: say \"friend\"", "cut after say \"fri"],
        "secrets": { "word": "plain" },
        "say \"friend\"": true,
        "secret_lines": ["kept"],
    });
    let mut counts = Counts::new();
    redactor.json(&mut document, &mut counts);
    assert_eq!(
        document,
        json!({
            "facts": { "root_password": "[redacted password]", "n": "[secret pin]", "empty_token": "" },
            "lines": ["he said: [secret word]", "cut after [secret word]"],
            "secrets": { "word": "plain" },
            "[secret word]": true,
            "secret_lines": ["kept"],
        })
    );
    assert_eq!(counts["secret word"], 3, "{counts:?}");
}

/// Gives a few bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl std::io::Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

#[test]
fn where_pieces_of_a_stream_meet_nothing_slips_through_and_offsets_are_the_streams() {
    let redactor = redactor(&[("word", "s3cr3t-w0rd")]);
    // So that the value stands over each border somewhere.
    for shift in 0..12 {
        let mut raw = vec![b'.'; (1 << 20) - shift];
        raw.extend_from_slice(b"s3cr3t-w0rd");
        raw.extend(vec![b'-'; AHEAD - 5]);
        raw.extend_from_slice(b"s3cr3t-w0rd password=x\n");
        let mut out = Vec::new();
        let mut counts = Counts::new();
        redactor
            .stream(&mut Drip(&raw, 10_007), &mut counts, &mut |part| {
                if !part.is_label {
                    let at = usize::try_from(part.offset).unwrap();
                    assert_eq!(&raw[at..at + part.bytes.len()], part.bytes);
                }
                out.extend_from_slice(part.bytes);
                Ok(())
            })
            .unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.ends_with("-[secret word] password=[redacted password]\n"),
            "{shift}"
        );
        assert_eq!(counts["secret word"], 2);
        assert!(!out.contains("s3cr3t"), "{shift}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_has_no_secret_passes_as_it_is(raw in "[a-z ,.;\n\u{1b}]{0,200}") {
        prop_assume!(!["token", "secret", "passw", "pwd", "credential"].iter().any(|word| raw.contains(word)));
        prop_assert_eq!(text(&[("word", "S3CR3T")], &raw), raw);
    }

    #[test]
    fn no_bytes_break_it_and_the_value_is_never_there(
        parts in prop::collection::vec(prop_oneof![
            Just(b"Pa$$ w0rd".to_vec()), Just(b"password=".to_vec()), Just(b"-----BEGIN PRIVATE KEY-----".to_vec()),
            Just(b"https://a:".to_vec()), Just(b"Cookie: ".to_vec()), prop::collection::vec(any::<u8>(), 0..6),
        ], 0..20),
    ) {
        let redactor = redactor(&[("word", "Pa$$ w0rd")]);
        let mut out = Vec::new();
        redactor.stream(&mut parts.concat().as_slice(), &mut Counts::new(), &mut |part| {
            out.extend_from_slice(part.bytes);
            Ok(())
        }).unwrap();
        prop_assert!(!out.windows(9).any(|window| window == b"Pa$$ w0rd"));
    }
}
