//! YAML as a tree that knows its places.
//!
//! What is read is the part of YAML 1.2 that a cluster file or a recipe needs: one document, the
//! core schema, scalar keys. Anchors, aliases and tags are refused with a word about what to write
//! instead: nothing here would profit from them, and an alias can stand for a billion nodes.

mod events;
mod fields;
mod parse;
mod scalar;
mod syntax;

pub(crate) use events::Parsed;
pub use fields::{Fields, Reader};
pub use parse::read;
pub(crate) use parse::read_parsed;
pub(crate) use scalar::plain_is_text;

use serde_json::Value;

use crate::source::{SourceFile, Span};

/// How deeply lists and mappings may be nested.
pub const MAX_DEPTH: usize = 64;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands, quotes and brackets included. A value that was left out marks the place
    /// between two bytes where it would stand.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Node`] is, by the core schema of YAML 1.2.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number. What was written (`1.10`) is what [`Node::as_text`] gives.
    Float(f64),
    /// Text, quoted or plain.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, no key twice.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key: the text of a scalar as it was written, without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The text.
    pub text: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

impl Node {
    /// The text of a scalar as it was written: `1.10` is `1.10` and `true` is `true`. `None` for
    /// nothing, a list and a mapping.
    pub fn as_text<'a>(&'a self, source: &'a SourceFile) -> Option<&'a str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            // Only a plain scalar is anything but text, and a plain scalar stands as it is.
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => Some(source.slice(self.span)),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping, in the order of the file.
    pub fn as_map(&self) -> Option<&[(Key, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of a mapping with this key.
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.as_map()?.iter().find(|(name, _)| name.text == key)
    }

    /// The value of a mapping's entry with this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Whether nothing stands here.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// The same as JSON. Numbers that JSON lacks (`.inf`, `.nan`) become null.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::from(*value),
            Kind::Int(value) => Value::from(*value),
            Kind::Float(value) => Value::from(*value),
            Kind::Text(value) => Value::from(value.as_str()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect(),
        }
    }

    /// Every value below this one with its JSON pointer (RFC 6901), this one first as `""`.
    pub fn places(&self) -> Vec<(String, Span)> {
        let mut places = Vec::new();
        self.collect_places(String::new(), &mut places);
        places
    }

    fn collect_places(&self, pointer: String, places: &mut Vec<(String, Span)>) {
        match &self.kind {
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.collect_places(format!("{pointer}/{index}"), places);
                }
            }
            Kind::Map(entries) => {
                for (key, node) in entries {
                    let token = key.text.replace('~', "~0").replace('/', "~1");
                    node.collect_places(format!("{pointer}/{token}"), places);
                }
            }
            _ => {}
        }
        places.push((pointer, self.span));
    }
}

impl Kind {
    /// What to call it where its value must not be seen.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// What to call it in a sentence: `a list`, `the number 5`.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Int(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Text(value) if value.is_empty() => "an empty text".into(),
            Self::Text(value) if value.chars().count() > 40 => "a text".into(),
            Self::Text(value) => format!("the text `{}`", value.escape_debug()),
            Self::List(_) => "a list".into(),
            Self::Map(_) => "a mapping".into(),
        }
    }
}

#[cfg(test)]
mod tests;
