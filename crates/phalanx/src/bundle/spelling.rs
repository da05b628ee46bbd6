//! How a secret's value may stand in a text: as it is, or as other programs write it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phalanx_plan::Secret;
use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

/// A longer value is looked for in parts of so many characters.
const PART: usize = 256;
/// A line of a value is looked for by itself, and an encoded form at all, from this many bytes on.
const SHORTEST_PART: usize = 4;
/// Of a value that is longer than this, only what whole parts become is looked for, not each character's
/// forms: a pattern of them all would take minutes.
const LONG: usize = 8 << 10;
/// What a pattern may take in memory. A long private key needs a few MB.
const PATTERN_BYTES: usize = 256 << 20;

/// Encoders break lines, and journals write the break as two characters.
const BREAK: &str = r"(?:\r?\n|\\n)?";

/// A pattern that finds all spellings of a value; nothing where there is no value.
///
/// # Errors
/// Where the value is too long to look for.
pub(super) fn pattern(secret: &Secret) -> Result<Option<Regex>, regex::Error> {
    let parts = parts(secret.reveal());
    if parts.is_empty() {
        return Ok(None);
    }
    let is_long = secret.reveal().len() > LONG;
    let mut forms: Vec<String> = Vec::new();
    for part in &parts {
        match is_long {
            true => forms.extend(whole_forms(part)),
            false => forms.push(part.chars().map(character).collect()),
        }
        if part.len() >= SHORTEST_PART {
            let break_ = if is_long { "" } else { BREAK };
            forms.extend((0..3).map(|before| in_base64(part.as_bytes(), before, break_)));
            forms.push(part.bytes().map(in_hex).collect());
        }
    }
    RegexBuilder::new(&forms.join("|"))
        .unicode(false)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(64 << 20)
        .build()
        .map(Some)
}

/// The value, and where it is long or of several lines, its parts; the longest first, since the first that
/// fits counts.
fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![value.to_owned(), value.trim().to_owned()];
    if value.trim().contains(['\n', '\r']) {
        // A key's first and last line are no secret.
        let lines = value.split(['\n', '\r']).map(str::trim);
        let lines = lines.filter(|line| line.len() >= SHORTEST_PART && !line.starts_with("-----"));
        parts.extend(lines.map(str::to_owned));
    }
    let mut parts: Vec<String> = parts.iter().flat_map(|part| chunks(part)).collect();
    parts.retain(|part| !part.trim().is_empty());
    parts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    parts.dedup();
    parts
}

fn chunks(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let chunks = chars.chunks(PART);
    chunks.map(|chunk| chunk.iter().collect()).collect()
}

/// A part as it is, in JSON and in a URL.
fn whole_forms(part: &str) -> Vec<String> {
    let json = Value::String(part.to_owned()).to_string();
    let url = |digits: fn(u8) -> String| {
        let bytes = part.bytes().map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => digits(byte),
        });
        bytes.collect::<String>()
    };
    let texts = [
        part.to_owned(),
        json.get(1..json.len() - 1).unwrap_or_default().to_owned(),
        url(|byte| format!("%{byte:02X}")),
        url(|byte| format!("%{byte:02x}")),
    ];
    let mut forms: Vec<String> = texts
        .iter()
        .map(|text| text.bytes().map(|byte| format!(r"\x{byte:02x}")).collect())
        .collect();
    forms.dedup();
    forms
}

/// One character: as it is; for URLs, JSON, HTML, a shell or a log.
fn character(c: char) -> String {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).as_bytes();
    let raw: String = bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect();
    let mut forms = match c {
        // Programs put one or more in front of what is special to them.
        _ if c.is_ascii_punctuation() => vec![format!(r"\\{{0,4}}{raw}")],
        _ => vec![raw],
    };
    forms.push(
        bytes
            .iter()
            .map(|byte| format!("%{}", either_case(&format!("{byte:02x}"))))
            .collect(),
    );
    forms.push(
        bytes
            .iter()
            .map(|byte| format!(r"\\x{}", either_case(&format!("{byte:02x}"))))
            .collect(),
    );
    forms.push(
        bytes
            .iter()
            .map(|byte| format!(r"\\0?{byte:03o}"))
            .collect(),
    );
    let mut utf16 = [0; 2];
    let units = c.encode_utf16(&mut utf16).iter();
    forms.push(
        units
            .map(|unit| format!(r"\\{{1,2}}u{}", either_case(&format!("{unit:04x}"))))
            .collect(),
    );
    let code = u32::from(c);
    forms.push(format!("&#0{{0,3}}{code};"));
    forms.push(format!(
        "&#[xX]0{{0,3}}{};",
        either_case(&format!("{code:x}"))
    ));
    let named: &[&str] = match c {
        ' ' => &[r"\+", r"\\ "],
        '\n' => &[r"\\{1,2}n", r"\r\n", r"\\{1,2}r\\{1,2}n"],
        '\r' => &[r"\\{1,2}r"],
        '\t' => &[r"\\{1,2}t"],
        '&' => &["&amp;"],
        '<' => &["&lt;"],
        '>' => &["&gt;"],
        '"' => &["&quot;"],
        '\'' => &["&apos;", r"'\\''", "'\"'\"'"],
        _ => &[],
    };
    forms.extend(named.iter().map(|form| (*form).to_owned()));
    format!("(?:{})", forms.join("|"))
}

/// Hexadecimal digits, in small letters or large.
fn either_case(digits: &str) -> String {
    let mut out = String::new();
    for c in digits.chars() {
        match c.is_ascii_alphabetic() {
            // Writing to a string never fails.
            true => drop(write!(out, "[{c}{}]", c.to_ascii_uppercase())),
            false => out.push(c),
        }
    }
    out
}

fn in_hex(byte: u8) -> String {
    format!("[ :]?{}", either_case(&format!("{byte:02x}")))
}

/// The value's base64 where so many bytes (modulo 3) stand before it in what was encoded: the letters that
/// are its own alone, and of those that it shares with its neighbours one on each side.
fn in_base64(bytes: &[u8], before: usize, break_: &str) -> String {
    let mut padded = vec![0; before];
    padded.extend_from_slice(bytes);
    let rest = padded.len() % 3;
    let text = STANDARD.encode(&padded);
    let from = (before * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    let own = text.get(from..to).unwrap_or_default();
    let neighbour = "[A-Za-z0-9+/_-]";
    let mut form = String::new();
    if before > 0 {
        form.push_str(neighbour);
        form.push('?');
    }
    for (at, c) in own.chars().enumerate() {
        if at > 0 {
            form.push_str(break_);
        }
        match c {
            '+' => form.push_str(r"[+-]"),
            '/' => form.push_str("[/_]"),
            _ => form.push(c),
        }
    }
    if rest > 0 {
        form.push_str(&format!("(?:{neighbour}={{0,2}})?"));
    }
    format!("(?:{form})")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(value: &str, text: &str) -> bool {
        let pattern = pattern(&Secret::new(value)).unwrap().unwrap();
        pattern.is_match(text.as_bytes())
    }

    #[test]
    fn a_value_is_found_however_programs_write_it() {
        let value = "p\"a'ss & w\\ö\u{1f512}<1>/+ %";
        let shell = value.replace('\'', r"'\''");
        let html = value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        for text in [
            value.to_owned(),
            serde_json::to_string(value).unwrap(),
            serde_json::to_string(&serde_json::to_string(value).unwrap()).unwrap(),
            // Of a program that writes ASCII only.
            r#"p\"a'ss & w\\\u00f6\uD83D\uDD12<1>\/+ %"#.to_owned(),
            "p%22a%27ss%20%26%20w%5C%C3%B6%F0%9F%94%92%3C1%3E%2F%2B%20%25".to_owned(),
            "p%22a'ss+%26+w%5c%c3%b6%f0%9f%94%92%3c1%3e/%2B+%25".to_owned(),
            html,
            "p&#34;a&#x27;ss &#38; w\\ö\u{1f512}&lt;1&gt;/+ %".to_owned(),
            format!("echo '{shell}'"),
            r"p\x22a'ss & w\134\303\266\360\237\224\222<1>/+ %".to_owned(),
        ] {
            assert!(finds(value, &text), "{text}");
        }
        assert!(!finds(value, "p\"a'ss & w\\o"));
    }

    #[test]
    fn no_value_is_found_nowhere_and_a_short_one_everywhere() {
        assert!(pattern(&Secret::new("")).unwrap().is_none());
        assert!(pattern(&Secret::new(" \n")).unwrap().is_none());
        assert!(finds("x", "ax"));
    }

    #[test]
    fn of_a_long_value_and_of_one_with_lines_each_part_is_found() {
        let key = "-----BEGIN KEY-----\nAAAAbbbbCCCC\nddddEEEEffff\n-----END KEY-----\n";
        assert!(finds(key, "| AAAAbbbbCCCC"));
        assert!(!finds(key, "-----BEGIN KEY-----"));
        let long: String = (0..4_000)
            .map(|at| char::from(b'a' + (at * 7 % 26) as u8))
            .collect();
        assert!(finds(&long, &long));
        assert!(finds(&long, &long[512..900]));
        let longer = format!("{long} \"{long}\"\n{long} /{long}");
        for text in [
            longer.clone(),
            serde_json::to_string(&longer).unwrap(),
            STANDARD.encode(&longer),
            longer.replace('"', "%22").replace(' ', "%20"),
        ] {
            assert!(finds(&longer, &text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn in_base64_it_is_found_wherever_it_stands(
            value in "[ -~]{4,40}",
            before in prop::collection::vec(any::<u8>(), 0..9),
            after in prop::collection::vec(any::<u8>(), 0..9),
            url in any::<bool>(),
            wide in 8..76usize,
        ) {
            prop_assume!(!value.trim().is_empty());
            let whole = [&before, value.as_bytes(), &after].concat();
            let mut text = STANDARD.encode(whole);
            if url {
                text = text.replace('+', "-").replace('/', "_");
            }
            prop_assert!(finds(&value, &text), "{}", text);
            let chars: Vec<char> = text.chars().collect();
            let lines: Vec<String> = chars.chunks(wide).map(|line| line.iter().collect()).collect();
            prop_assert!(finds(&value, &lines.join("\n")), "{:?}", lines);
        }

        #[test]
        fn nothing_of_it_is_left_in_its_base64(value in "[ -~]{8,40}") {
            prop_assume!(value.trim() == value);
            let found = pattern(&Secret::new(value.clone())).unwrap().unwrap();
            let text = STANDARD.encode(&value);
            let left = found.replace_all(text.as_bytes(), &b""[..]);
            prop_assert!(left.is_empty(), "{:?}", left);
        }
    }
}
