//! What looks like a secret, whoever's it is.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

/// A private key is not longer.
const LONGEST_KEY: usize = 48 << 10;

/// One kind of what looks like a secret.
struct Kind {
    name: &'static str,
    /// Its groups `v` are what must not be seen; without one, all of it.
    regex: Regex,
}

/// All kinds.
pub(super) struct Patterns {
    kinds: Vec<Kind>,
    key: Regex,
    key_end: Regex,
    /// What follows the beginning of a key whose end is not there.
    key_rest: Regex,
    secret_name: Regex,
}

/// What an assigned value looks like: between quotes, those of a text in JSON too, else up to a blank.
const VALUE: &str =
    r#"\\"(?:[^"\\\r\n]|\\[^"\r\n])*|"(?:[^"\\\r\n]|\\[^\r\n])*"?|'[^'\r\n]*'?|[^\s"'<]+"#;
/// What the name of a secret has in it.
const NAME: &str = r"(?:passw(?:or)?d|passphrase|[a-z_-]pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[a-z0-9_.-]*";
const HEADER: &str = r"(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token)";

impl Patterns {
    pub(super) fn new() -> Result<Self, regex::Error> {
        let key = |word: &str| format!("-----{word} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----");
        let break_ = r"(?:\s|\\[rnt])+";
        let kinds = [
            (
                "password",
                // In an address: scheme://user:password@host.
                r#"[a-z][a-z0-9+.-]*://[^\s/:@"'<>]*:(?P<v>[^\s/"'<>]+)@"#.to_owned(),
            ),
            (
                "header",
                format!(
                    r#"["']{HEADER}\\?["']?[ \t]*[:=][ \t]*\\?["']?(?P<v>[^\r\n"'\\]+)|\b{HEADER}[ \t]*:[ \t]*(?P<w>[^\r\n]+)"#
                ),
            ),
            (
                "password",
                format!(
                    r#"{NAME}\\?["']?[ \t]{{0,8}}(?::=|=>|={{1,3}}|:)[ \t]{{0,8}}(?P<v>{VALUE})"#
                ),
            ),
            ("password", format!("--[a-z-]*{NAME}[ \\t]+(?P<v>{VALUE})")),
            (
                "token",
                r"\bbearer[ \t]+(?P<v>[a-z0-9._~+/=-]{8,})".to_owned(),
            ),
            (
                "token",
                r"\b(?-i:eyJ)[a-z0-9_-]{6,}\.[a-z0-9_-]{4,}\.[a-z0-9_-]*".to_owned(),
            ),
            (
                "access key",
                r"\b(?-i:(?:AKIA|ASIA|AROA|AIDA|AGPA)[A-Z0-9]{16})\b".to_owned(),
            ),
            (
                "password hash",
                r"\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|apr1|argon2[a-z]{1,2})\$[./a-z0-9$=,+-]{8,}"
                    .to_owned(),
            ),
            (
                // Its beginning is not there.
                "private key",
                format!(
                    "[a-z0-9+/=]{{20,}}{break_}(?:[a-z0-9+/=]+{break_})*{}",
                    key("END")
                ),
            ),
        ];
        let kinds = kinds
            .into_iter()
            .map(|(name, text)| regex(&text).map(|regex| Kind { name, regex }));
        Ok(Self {
            kinds: kinds.collect::<Result<_, _>>()?,
            key: regex(&key("BEGIN"))?,
            key_end: regex(&key("END"))?,
            key_rest: regex(&format!(
                r"\A(?:{break_}(?:[a-z-]+: [^\r\n\\]*|[a-z0-9+/=]{{20,}}))*(?:{break_}[a-z0-9+/=]+)?"
            ))?,
            secret_name: regex(&format!("{NAME}$"))?,
        })
    }

    /// Whether a field of this name holds a secret.
    pub(super) fn is_secret_name(&self, name: &str) -> bool {
        self.secret_name.is_match(name.as_bytes())
    }

    /// What is found from `from` on and begins before `limit`.
    pub(super) fn find(
        &self,
        text: &[u8],
        from: usize,
        limit: usize,
        found: &mut impl FnMut(Range<usize>, &'static str),
    ) {
        for Kind { name, regex } in &self.kinds {
            let mut at = from;
            // Groups are only looked for where there is something.
            while let Some(whole) = regex
                .find_at(text, at)
                .filter(|whole| whole.start() < limit)
            {
                let groups = regex.captures_at(text, whole.start());
                let value = groups
                    .and_then(|groups| groups.name("v").or_else(|| groups.name("w")))
                    .unwrap_or(whole);
                if !is_redacted(value.as_bytes()) {
                    found(value.range(), name);
                }
                at = whole.end().max(at + 1);
                if at >= text.len() {
                    break;
                }
            }
        }
        let mut at = from;
        while let Some(begin) = self.key.find_at(text, at).filter(|key| key.start() < limit) {
            let rest = text.get(begin.end()..).unwrap_or_default();
            let near = rest.get(..LONGEST_KEY).unwrap_or(rest);
            let length = match self.key_end.find(near) {
                Some(end) => end.end(),
                None => self.key_rest.find(near).map_or(0, |rest| rest.end()),
            };
            at = begin.end() + length;
            found(begin.start()..at, "private key");
        }
    }
}

/// Whether that is what we ourselves have put there.
fn is_redacted(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    value.starts_with(b"[redacted") || value.starts_with(b"[secret")
}

fn regex(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .unicode(false)
        .case_insensitive(true)
        .build()
}
