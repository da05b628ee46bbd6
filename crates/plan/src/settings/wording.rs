//! What a schema says about a value, in plain words.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::sentence::count;
use crate::shown_settings::looks_like_a_name;
use crate::suggest::did_you_mean;

/// What to say about a value that does not fit.
pub(super) struct Said {
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

/// The setting that a JSON pointer leads into.
pub(super) fn top(pointer: &str) -> String {
    let token = pointer.split('/').nth(1).unwrap_or_default();
    token.replace("~1", "/").replace("~0", "~")
}

/// A setting's place as people write it: `resolvers[1].port`.
fn shown(pointer: &str) -> String {
    let mut shown = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        // A key that is no name may be a secret that lost its quotes.
        let token = match looks_like_a_name(&token) {
            true => token,
            false => "...".to_owned(),
        };
        if !shown.is_empty() && !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit()) {
            shown = format!("{shown}[{token}]");
        } else if shown.is_empty() {
            shown = token;
        } else {
            shown = format!("{shown}.{token}");
        }
    }
    shown
}

/// The schema's `description` of a setting.
pub(super) fn about(schema: Option<&Value>) -> Option<String> {
    Some(schema?.get("description")?.as_str()?.to_owned())
}

/// The `description` that stands beside the keyword that was broken.
pub(super) fn about_near(schema: &Value, keyword: &str) -> Option<String> {
    let (around, _) = keyword.rsplit_once('/')?;
    about(schema.pointer(around)).filter(|_| !around.is_empty())
}

/// Says what is wrong with a value. One that must not be seen is not told.
pub(super) fn sentence(
    error: &ValidationError<'_>,
    pointer: &str,
    hidden: bool,
    schema: &Value,
) -> Said {
    let name = match shown(pointer) {
        name if name.is_empty() => "the settings".to_owned(),
        name => format!("`{name}`"),
    };
    let (expected, label) = expectation(error.kind());
    let message = match expected {
        Some(expected) if hidden || !expected.starts_with("must") => format!("{name} {expected}"),
        Some(expected) => format!("{name} {expected}, found {}", value(error.instance())),
        // The value stays out of it: it may hold a secret.
        None => format!("{name}: {}", error.masked()),
    };
    let help = match error.kind() {
        ValidationErrorKind::Enum { options } if !hidden => meant(options, error.instance()),
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_beside(schema, error.schema_path().as_str());
            unexpected
                .first()
                .map(|key| match did_you_mean(key, known) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None if looks_like_a_name(key) => format!("remove `{key}`"),
                    None => "remove it".to_owned(),
                })
        }
        _ => None,
    };
    Said {
        message,
        label,
        help,
    }
}

/// The properties that stand beside the keyword that was broken.
fn known_beside<'s>(schema: &'s Value, keyword: &str) -> impl Iterator<Item = &'s str> {
    let around = keyword.rsplit_once('/').map_or("", |(around, _)| around);
    let properties = schema.pointer(&format!("{around}/properties"));
    let properties = properties.and_then(Value::as_object);
    properties
        .into_iter()
        .flat_map(|known| known.keys().map(String::as_str))
}

fn meant(options: &Value, found: &Value) -> Option<String> {
    let known = options.as_array()?.iter().filter_map(Value::as_str);
    did_you_mean(found.as_str()?, known).map(|close| format!("did you mean `{close}`?"))
}

/// "must be ...", and a label for the place.
fn expectation(kind: &ValidationErrorKind) -> (Option<String>, String) {
    use ValidationErrorKind as Kind;

    let must = |text: String| {
        let label = format!("must {text}");
        (Some(format!("must {text}")), label)
    };
    match kind {
        Kind::Type { kind } => must(format!("be {}", types(kind))),
        Kind::Enum { options } => must(format!("be {}", choices(options))),
        Kind::Constant { expected_value } => must(format!("be {}", plain(expected_value))),
        Kind::Minimum { limit } => must(format!("be at least {limit}")),
        Kind::Maximum { limit } => must(format!("be at most {limit}")),
        Kind::ExclusiveMinimum { limit } => must(format!("be more than {limit}")),
        Kind::ExclusiveMaximum { limit } => must(format!("be less than {limit}")),
        Kind::MinLength { limit: 1 } => must("not be empty".to_owned()),
        Kind::MinLength { limit } => must(format!("have at least {}", count(*limit, "character"))),
        Kind::MaxLength { limit } => must(format!("have at most {}", count(*limit, "character"))),
        Kind::MinItems { limit } => must(format!("have at least {}", count(*limit, "entry"))),
        Kind::MaxItems { limit } => must(format!("have at most {}", count(*limit, "entry"))),
        Kind::UniqueItems => must("name nothing twice".to_owned()),
        Kind::Pattern { pattern } => must(format!("match `{pattern}`")),
        Kind::Format { format } => must(format!("be of the form `{format}`")),
        Kind::Required { property } => (
            Some(format!("needs {}", plain(property))),
            "incomplete".to_owned(),
        ),
        Kind::AdditionalProperties { unexpected } => (
            Some(match unexpected.iter().all(|key| looks_like_a_name(key)) {
                true => format!("has no `{}`", unexpected.join("`, `")),
                false => "has no such key".to_owned(),
            }),
            "an unknown key in here".to_owned(),
        ),
        _ => (None, "does not fit".to_owned()),
    }
}

fn types(kind: &TypeKind) -> String {
    let word = |kind: &str| match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a mapping",
        _ => "empty",
    };
    match kind {
        TypeKind::Single(kind) => word(&kind.to_string()).to_owned(),
        TypeKind::Multiple(kinds) => kinds
            .iter()
            .map(|kind| word(&kind.to_string()))
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

fn choices(options: &Value) -> String {
    let words: Vec<String> = options
        .as_array()
        .into_iter()
        .flatten()
        .map(plain)
        .collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) if text.chars().count() > 40 => {
            format!("a text of {} characters", text.chars().count())
        }
        Value::String(text) => format!("the text `{}`", text.escape_debug()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
