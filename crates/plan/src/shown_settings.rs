//! Which of a recipe's settings may be shown: those that its schema knows and does not call secret.
//! What nobody marked as plain may be a secret whose name is misspelt.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use crate::likely_name::is_name_character;
use crate::settings::SettingsLine;
use crate::suggest::did_you_mean;

/// More words than these are not compared with names.
const MAX_WORDS: usize = 1000;

/// The settings of a recipe, by whether their values may be shown. The default knows none: then
/// every value may be a secret.
#[derive(Clone, Debug, Default)]
pub struct ShownSettings {
    secrets: BTreeSet<String>,
    plain: BTreeMap<String, Shape>,
}

/// What of a plain setting's value is plain as well.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// All of it.
    Any,
    /// A mapping, or a list of such; without any keys, what has no parts by its schema: a key below it belongs
    /// elsewhere.
    Map {
        /// The keys that the schema names.
        known: BTreeMap<String, Shape>,
        /// All other keys, where the schema says what they hold.
        rest: Option<Box<Shape>>,
    },
}

impl ShownSettings {
    /// By name: settings that must not be seen, and settings that may be.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = &'a str>,
        plain: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            secrets: secrets.into_iter().map(str::to_owned).collect(),
            plain: plain
                .into_iter()
                .map(|name| (name.to_owned(), Shape::Any))
                .collect(),
        }
    }

    /// Of all release lines together: a secret of one of them is never shown.
    pub fn of(lines: &[SettingsLine]) -> Self {
        let mut shown = Self::default();
        for line in lines {
            shown.secrets.extend(line.secrets.keys().cloned());
            for (name, schema) in line.properties() {
                add(&mut shown.plain, name, Shape::of(schema));
            }
        }
        shown
    }

    /// Whether the recipe calls it a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// What may be shown of the setting of this name; `None` is nothing.
    pub(crate) fn plain(&self, name: &str) -> Option<&Shape> {
        self.plain.get(name).filter(|_| !self.is_secret(name))
    }

    /// The names of the settings that may be shown.
    pub(crate) fn plain_names(&self) -> impl Iterator<Item = &str> {
        let names = self.plain.keys().map(String::as_str);
        names.filter(|name| !self.is_secret(name))
    }

    /// Whether this is a secret's name, or was most likely meant to be one.
    pub(crate) fn means_secret(&self, name: &str) -> bool {
        self.is_secret(name)
            || did_you_mean(name, self.secrets.iter().map(String::as_str)).is_some()
    }

    /// Whether one of several words of a text is a secret's name, or was most likely meant to be one.
    pub(crate) fn has_secrets_name(&self, text: &str) -> bool {
        let mut words = text.split_whitespace().enumerate();
        // What was not looked at may be one.
        text.split_whitespace().nth(1).is_some()
            && words.any(|(at, word)| at >= MAX_WORDS || self.means_secret(word))
    }

    /// Whether a value seems to hold a secret beside what it should: where a quote is missing or
    /// stands elsewhere, the line of a secret becomes a part of another value.
    pub(crate) fn swallows_secret(&self, value: &str) -> bool {
        swallows(value, &[':', '='], &|word| {
            self.secrets.is_empty() || self.means_secret(word)
        })
    }

    /// Whether a text holds a secret's name anywhere.
    pub(crate) fn names_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|name| text.contains(name))
    }

    /// As [`ShownSettings::swallows_secret`], also of a secret whose name is misspelt.
    pub(crate) fn swallows_key(&self, value: &str) -> bool {
        let key = [": ", ":\n", "\":", "':"];
        key.iter().any(|key| value.contains(key)) || self.swallows_secret(value)
    }
}

/// Whether a value holds a word that means a secret, with one of these marks behind it.
pub(crate) fn swallows(value: &str, marks: &[char], means_secret: &dyn Fn(&str) -> bool) -> bool {
    let mut seen = HashSet::new();
    value.match_indices(marks).any(|(at, _)| {
        let before = value.get(..at).unwrap_or_default();
        let before = before.trim_end_matches([' ', '\t', '"', '\'']);
        let word = before.rsplit(|c: char| !is_name_character(c)).next();
        let new = word.is_some_and(|word| !word.is_empty() && seen.insert(word));
        // What was not looked at may be one.
        new && (seen.len() > MAX_WORDS || word.is_some_and(means_secret))
    })
}

fn add(shapes: &mut BTreeMap<String, Shape>, name: &str, shape: Shape) {
    let shape = match shapes.remove(name) {
        Some(earlier) => earlier.or(shape),
        None => shape,
    };
    shapes.insert(name.to_owned(), shape);
}

/// Whether a value may be a mapping or a list, as far as its schema says.
fn has_parts(schema: &Value) -> bool {
    let is_one = |kind: &Value| matches!(kind.as_str(), Some("object" | "array") | None);
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is_one),
        kind => kind.is_none_or(is_one),
    }
}

impl Shape {
    fn of(schema: &Value) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties");
        if properties.is_none() && rest.is_none() && !has_parts(schema) {
            return Self::Map {
                known: BTreeMap::new(),
                rest: None,
            };
        }
        if properties.is_none() && rest.is_none() {
            return schema.get("items").map_or(Self::Any, Self::of);
        }
        let mut known = BTreeMap::new();
        for (name, schema) in properties.into_iter().flatten() {
            add(&mut known, name, Self::of(schema));
        }
        Self::Map {
            known,
            rest: match rest {
                None | Some(Value::Bool(false)) => None,
                Some(schema) => Some(Box::new(Self::of(schema))),
            },
        }
    }

    /// What is plain by one of the two.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (
                Self::Map { mut known, rest },
                Self::Map {
                    known: more,
                    rest: rest_too,
                },
            ) => {
                for (name, shape) in more {
                    add(&mut known, &name, shape);
                }
                let rest = match (rest, rest_too) {
                    (Some(one), Some(other)) => Some(Box::new(one.or(*other))),
                    (one, other) => one.or(other),
                };
                Self::Map { known, rest }
            }
        }
    }

    /// What may be shown of the value with this key.
    pub(crate) fn below(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Any => Some(self),
            Self::Map { known, rest } => known.get(key).or(rest.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_of_one_line_is_never_plain() {
        let shown = ShownSettings::new(["token"], ["token", "port"]);
        assert!(shown.plain("token").is_none() && shown.plain("port").is_some());
        assert!(shown.plain("tokne").is_none() && shown.means_secret("tokne"));
    }

    #[test]
    fn the_schema_says_what_is_plain_inside_of_a_setting() {
        let shape = Shape::of(&json!({ "items": { "properties": { "host": {} } } }));
        assert!(shape.below("host").is_some() && shape.below("password").is_none());
        let shape = Shape::of(&json!({ "additionalProperties": { "type": "string" } }));
        assert!(shape.below("anything").is_some());
        let shape = Shape::of(&json!({ "properties": {}, "additionalProperties": false }));
        assert!(shape.below("anything").is_none());
        let shape = Shape::of(&json!({ "type": "object" }));
        assert!(
            shape.below("anything").is_some(),
            "nothing is said of its keys"
        );
        for kind in [json!("integer"), json!(["string", "null"])] {
            let shape = Shape::of(&json!({ "type": kind }));
            assert!(shape.below("zonk").is_none(), "it has no keys");
        }
        let shape = Shape::of(&json!({ "type": ["string", "object"] }));
        assert!(shape.below("anything").is_some());
    }

    #[test]
    fn a_value_that_holds_a_secrets_line_is_seen() {
        let shown = ShownSettings::new(["token"], []);
        for value in [
            "abc, token: x",
            "abc\n  tokne : x",
            "{\"token\":\"x\"}",
            "TOKEN=x",
            "a 'token' : x",
        ] {
            assert!(shown.swallows_secret(value), "{value}");
        }
        for value in [
            "abc",
            "http://x:80/",
            "token",
            "10:20=30",
            &"fd00::1 ".repeat(5000),
        ] {
            assert!(!shown.swallows_secret(value), "{value}");
        }
        assert!(shown.swallows_key("80\"zonk\":\"x") && shown.swallows_key("a, zonk: x"));
        assert!(ShownSettings::default().swallows_secret("a=b"));
    }
}
