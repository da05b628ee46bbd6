//! Taking a tree apart: what is expected of a value, and what to say where it is something else.

use super::{Key, Kind, Node};
use crate::cluster::Spanned;
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;

/// Takes values out of a tree and collects what is wrong with them. Every method that returns
/// `None` or `false` has said why.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The file.
    pub source: &'a SourceFile,
    /// The same with what must not be seen blanked out: nothing else is repeated in words.
    pub shown: SourceFile,
    /// What was wrong so far.
    pub problems: Problems,
}

impl<'a> Reader<'a> {
    /// Nothing is wrong with `source` yet.
    pub fn new(source: &'a SourceFile) -> Self {
        Self::after(source, Problems::new())
    }

    /// These problems were found in `source` before.
    pub fn after(source: &'a SourceFile, problems: Problems) -> Self {
        Self {
            source,
            shown: source.clone(),
            problems,
        }
    }

    /// Whether a place must not be seen.
    pub fn hides(&self, span: Span) -> bool {
        self.source.hidden_in(&self.shown, span)
    }

    /// Says that something is wrong at a place, and what to do.
    pub fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems
            .error_at(code, (self.source, span), message, label, help);
    }

    /// Says that `what` (`` `hosts` ``) is not what it should be (`a list`).
    pub fn expected(&mut self, node: &Node, what: &str, expected: &str) {
        let found = match self.hides(node.span) {
            true => node.kind.name().to_owned(),
            false => node.kind.describe(),
        };
        self.problems.push(
            Problem::error(
                "yaml::type",
                format!("{what} must be {expected}, found {found}"),
            )
            .at(self.source, node.span, format!("expected {expected}")),
        );
    }

    /// A text that is not empty and may be seen. Numbers and truth values count as what is written.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        if self.hides(node.span) && node.as_text(self.source).is_some() {
            self.error(
                "yaml::swallowed",
                node.span,
                format!("{what} seems to hold more than it should"),
                "what follows was read as a part of it",
                "close the quote at the end of the value, on the same line",
            );
            return None;
        }
        self.any_text(node, what)
    }

    /// A text that is not empty. Numbers and truth values count as what is written.
    pub fn any_text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        match node.as_text(self.source) {
            Some(text) if !text.is_empty() => Some(Spanned {
                value: text.to_owned(),
                span: node.span,
            }),
            _ => {
                self.expected(node, what, "a text");
                None
            }
        }
    }

    /// A truth value.
    pub fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.kind {
            Kind::Bool(value) => Some(value),
            _ => {
                self.expected(node, what, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn int(
        &mut self,
        node: &Node,
        what: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        match node.kind {
            Kind::Int(value) if range.contains(&value) => Some(value),
            _ => {
                let (low, high) = range.into_inner();
                let expected = match high {
                    i64::MAX => format!("a whole number, {low} or more"),
                    _ => format!("a whole number from {low} to {high}"),
                };
                self.expected(node, what, &expected);
                None
            }
        }
    }

    /// A list.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        let list = node.as_list();
        if list.is_none() {
            self.expected(node, what, "a list");
        }
        list
    }

    /// A list of texts, none of them empty. A single text counts as a list of one.
    pub fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<Spanned<String>>> {
        if matches!(node.kind, Kind::Text(_)) {
            return self.text(node, what).map(|text| vec![text]);
        }
        let items = self.list(node, what)?;
        let entry = format!("an entry of {what}");
        let texts: Vec<_> = items
            .iter()
            .filter_map(|item| self.text(item, &entry))
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// The entries of a mapping, whatever their keys.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Key, Node)]> {
        let map = node.as_map();
        if map.is_none() {
            self.expected(node, what, "a mapping");
        }
        map
    }

    /// A mapping whose keys are known; any other key is told, with the one that was likely meant.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<Fields<'n>> {
        self.fields_or(node, what, known, |_| None)
    }

    /// As [`Reader::fields`]; `instead` says of a key that others use what is written here.
    pub fn fields_or<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
        instead: impl Fn(&str) -> Option<String>,
    ) -> Option<Fields<'n>> {
        let entries = self.map(node, what)?;
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                self.unknown_key(key, what, known, instead(&key.text));
            }
        }
        Some(Fields { node, entries })
    }

    /// Says that `what` has no key of this name, and what to write instead where that is known.
    pub fn unknown_key(&mut self, key: &Key, what: &str, known: &[&str], instead: Option<String>) {
        if self.problems.is_full() {
            // It is counted, and nobody needs to know which key was meant.
            let unknown = || Problem::error("yaml::unknown-key", "");
            return self.problems.push_error(unknown);
        }
        let message = match self.hides(key.span) {
            true => format!("{what} has no such key"),
            false => format!("{what} has no key `{}`", key.text.escape_debug()),
        };
        let close = || did_you_mean(&key.text, known.iter().copied());
        let help = match (instead, close()) {
            (Some(instead), _) => instead,
            (None, Some(close)) => format!("did you mean `{close}`?"),
            (None, None) => match known {
                [only] => format!("the only key is `{only}`"),
                known => format!("the keys are `{}`", known.join("`, `")),
            },
        };
        self.problems.push(
            Problem::error("yaml::unknown-key", message)
                .at(self.source, key.span, "unknown key")
                .help(help),
        );
    }

    /// Says that `what` lacks a key that it needs, at the start of `node`; not where another key
    /// was most likely meant to be this one, which has been told.
    pub fn missing(&mut self, node: &Node, what: &str, key: &str, help: &str) {
        if let Some((name, _)) = node.entry(key) {
            let message = format!("`{key}` is empty");
            return self.error(
                "yaml::missing-key",
                name.span,
                message,
                "nothing here",
                help,
            );
        }
        let meant = |(name, _): &(Key, Node)| did_you_mean(&name.text, [key]).is_some();
        if node
            .as_map()
            .is_some_and(|entries| entries.iter().any(meant))
        {
            return;
        }
        let first_line = self.source.slice(node.span).lines().next().unwrap_or("");
        let span = Span::new(
            node.span.start,
            node.span.start + first_line.trim_end().len(),
        );
        self.error(
            "yaml::missing-key",
            span,
            format!("{what} needs `{key}`"),
            format!("no `{key}` here"),
            help,
        );
    }
}

/// The entries of a mapping whose keys are known.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'n> {
    /// The mapping itself.
    pub node: &'n Node,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The value of `key`. One that was left empty (`key:`) counts as not given.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key and the value of `key`; see [`Fields::get`].
    pub fn entry(&self, key: &str) -> Option<(&'n Key, &'n Node)> {
        self.entries
            .iter()
            .find(|(name, node)| name.text == key && !node.is_null())
            .map(|(name, node)| (name, node))
    }
}
