//! What a plain scalar means: the core schema of YAML 1.2.

use super::Kind;

/// What the plain scalar `text` is.
pub(super) fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    integer(text)
        .or_else(|| float(text).map(Kind::Float))
        .unwrap_or_else(|| Kind::Text(text.to_owned()))
}

/// Whether `text`, written without quotes, is the text that it is.
pub(crate) fn plain_is_text(text: &str) -> bool {
    matches!(resolve(text), Kind::Text(_))
}

fn integer(text: &str) -> Option<Kind> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number beyond 64 bits is still a number, so that a range check names it.
    match text.parse::<i64>() {
        Ok(value) => Some(Kind::Int(value)),
        Err(_) => text.parse::<f64>().ok().map(Kind::Float),
    }
}

fn radix(digits: &str, radix: u32) -> Option<Kind> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    Some(i64::from_str_radix(digits, radix).map_or(Kind::Float(f64::INFINITY), Kind::Int))
}

fn float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    // Rust's parser accepts a little more (`inf`, `nan`, `infinity`): those start with a letter.
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let numeric = unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    numeric.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        for (text, kind) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("null", Kind::Null),
            ("True", Kind::Bool(true)),
            ("false", Kind::Bool(false)),
            ("12", Kind::Int(12)),
            ("-12", Kind::Int(-12)),
            ("+12", Kind::Int(12)),
            ("007", Kind::Int(7)),
            ("0o17", Kind::Int(15)),
            ("0xff", Kind::Int(255)),
            ("1.5", Kind::Float(1.5)),
            ("1.", Kind::Float(1.0)),
            (".5", Kind::Float(0.5)),
            ("1e3", Kind::Float(1000.0)),
            ("-.inf", Kind::Float(f64::NEG_INFINITY)),
            ("99999999999999999999", Kind::Float(1e20)),
        ] {
            assert_eq!(resolve(text), kind, "{text}");
        }
    }

    #[test]
    fn all_else_is_text() {
        for text in [
            "yes", "no", "on", "1.8.8", "inf", "nan", "-", ".", "+", "0x", "0o9", "1e", "10m",
            "10.0.0.1", "-a", "e5",
        ] {
            assert_eq!(resolve(text), Kind::Text(text.to_owned()), "{text}");
        }
    }
}
