//! What of a cluster.conf may be shown, and repeated in words: names, and the values of names that
//! the mapping knows and that are no secret. Everything else may be a secret whose name is misspelt
//! or whose quotes stand elsewhere.

use super::lexer::Assignment;
use super::mapping::{ConfMapping, ConfName, Meaning};
use super::value::Variables;
use crate::address::check_address;
use crate::cluster_yaml::FILE_KEYS;
use crate::read_context::ReadContext;
use crate::shown_settings::{is_name_character, swallows};
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;

/// Words that begin a line of a shell script; as with the keys of the other spelling, a secret is none
/// of them.
const SHELL_WORDS: [&str; 29] = [
    ".", "[", "[[", "case", "cat", "cd", "declare", "do", "done", "echo", "else", "esac", "eval",
    "exec", "exit", "export", "fi", "for", "function", "if", "local", "ls", "readonly", "set",
    "source", "test", "then", "unset", "while",
];

/// Which names' values may be shown.
pub(super) struct Secrecy<'a> {
    mapping: &'a ConfMapping,
    secrets: Vec<String>,
}

impl<'a> Secrecy<'a> {
    pub(super) fn new(mapping: &'a ConfMapping, context: &ReadContext<'_>) -> Self {
        let secret = |entry: &&ConfName| match &entry.meaning {
            Meaning::Secret(_) => true,
            Meaning::Setting { name, .. } => context.settings.is_secret(name),
            _ => false,
        };
        let secrets = mapping.names.iter().filter(secret).flat_map(ConfName::each);
        Self {
            mapping,
            secrets: secrets.collect(),
        }
    }

    /// Whether the value of this name must not be repeated.
    pub(super) fn hides(&self, name: &str) -> bool {
        self.mapping.find(name).is_none() || self.secrets.iter().any(|secret| secret == name)
    }

    /// Whether this is a secret's name, or was most likely meant to be one.
    fn means_secret(&self, name: &str) -> bool {
        let secrets = || self.secrets.iter().map(String::as_str);
        match self.mapping.find(name) {
            Some(_) => secrets().any(|secret| secret == name),
            None => did_you_mean(name, secrets()).is_some(),
        }
    }

    /// Whether a value holds another assignment, so that it may hold a secret. A setting may be any text,
    /// and only holds one where that is a secret's.
    pub(super) fn swallows(&self, name: &str, value: &str) -> bool {
        let entry = self.mapping.find(name);
        match entry.map(|entry| &entry.meaning) {
            Some(Meaning::Setting { .. }) => self.swallows_secret(value),
            _ => self.may_swallow(value),
        }
    }

    /// Whether a value may hold another assignment.
    pub(super) fn may_swallow(&self, value: &str) -> bool {
        let quoted = [" = ", "=\"", "='"]
            .iter()
            .any(|other| value.contains(other));
        let glued = self.secrets.iter().any(|name| value.contains(name));
        quoted
            || glued
            || (value.contains('\n') && value.contains('='))
            || swallows(value, &['='], &|word| upper_end(word).len() > 1)
            || self.swallows_secret(value)
    }

    fn swallows_secret(&self, value: &str) -> bool {
        swallows(value, &[':', '='], &|word| {
            self.means_secret(word) || self.means_secret(upper_end(word))
        })
    }

    /// Whether nobody can say that a value, as it is written, holds nothing else: one over several
    /// lines may do so only because a quote is missing, unless all in it are addresses; and so may one
    /// in which quotes stand anywhere but around it.
    pub(super) fn is_unsure(&self, written: &str) -> bool {
        let quotes = ['"', '\''];
        let around = written.trim().starts_with(quotes) && written.trim().ends_with(quotes);
        let odd = match written.matches(quotes).count() {
            0 => false,
            2 => !around,
            _ => true,
        };
        let address = |word: &str| {
            let word = word.trim_matches(['"', '\'', '\\']);
            let dotted = word.contains(['.', ':']) && check_address(word).is_ok();
            word.is_empty() || word.starts_with('$') || dotted
        };
        odd || self.may_swallow(written)
            || (written.contains('\n') && !written.split_whitespace().all(address))
    }

    /// A name as it may be repeated: in what could not be read, a part of a secret may seem to be one.
    pub(super) fn named<'n>(&self, name: &'n str) -> &'n str {
        let usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        match self.is_known(name) || name.chars().all(usual) {
            true => name,
            false => "NAME",
        }
    }

    /// Whether this word, where a command would stand, may be repeated.
    pub(super) fn may_repeat(&self, word: &str) -> bool {
        let key = word.trim_end_matches(':');
        SHELL_WORDS.contains(&word) || FILE_KEYS.contains(&key) || self.is_known(word)
    }

    fn is_known(&self, name: &str) -> bool {
        let names = || self.mapping.names.iter();
        let close = did_you_mean(name, names().map(|entry| entry.name.as_str()));
        close.is_some()
            || names().any(|entry| entry.number_of(name).is_some() || entry.covers(name))
    }

    /// The file with what may be shown of these assignments, whose values are put together in
    /// `variables`.
    pub(super) fn shown(
        &self,
        source: &SourceFile,
        assignments: &[Placed],
        variables: &Variables,
    ) -> SourceFile {
        let (mut shown, mut hidden) = (Vec::new(), Vec::new());
        for assignment in assignments {
            let (name, value) = (assignment.name.as_str(), assignment.value);
            let line = rest_of_line(source, value);
            let named = self.is_known(name) || !source.slice(line).trim().is_empty();
            if named && self.named(name) == name {
                shown.push(assignment.name_span);
            }
            let written = match assignment.broken {
                true => without_comment(source, line),
                false => value,
            };
            if !self.hides(name) {
                if !self.is_unsure(source.slice(written)) {
                    shown.push(written);
                }
            } else if !variables.get(name).is_some_and(|found| found.used)
                || self.means_secret(name)
            {
                hidden.push(line);
            }
        }
        for variable in &variables.list {
            if self.hides(&variable.name) {
                if !variable.used || self.means_secret(&variable.name) {
                    hidden.extend(variable.value.origins());
                }
            } else if !variable.broken && !self.is_unsure(source.slice(variable.value_span)) {
                shown.extend(variable.value.origins());
            }
        }
        shown.extend(self.first_words(source));
        source.only(&shown, &hidden, |c| ":=+$\"'#;&|<>()".contains(c))
    }

    /// The words that lines begin with, where they may be repeated.
    fn first_words(&self, source: &SourceFile) -> Vec<Span> {
        let mut start = 0;
        let mut found = Vec::new();
        for line in source.text().split_inclusive('\n') {
            let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
            let rest = line.get(blank..).unwrap_or_default();
            let word = rest.len() - rest.trim_start_matches(is_name_character).len();
            // Few words are compared with names: a file may have a hundred thousand lines.
            let (first, behind) = rest.split_at_checked(word).unwrap_or_default();
            let set = behind.starts_with('=') && !first.contains(|c: char| c.is_ascii_lowercase());
            if word > 0 && found.len() < 1000 && (set || self.may_repeat(first)) {
                found.push(Span::new(start + blank, start + blank + word));
            }
            start += line.len();
        }
        found
    }
}

/// Where an assignment stands.
pub(super) struct Placed {
    name: String,
    name_span: Span,
    value: Span,
    broken: bool,
}

impl From<&Assignment> for Placed {
    fn from(assignment: &Assignment) -> Self {
        Self {
            name: assignment.name.clone(),
            name_span: assignment.name_span,
            value: assignment.value_span,
            broken: assignment.broken,
        }
    }
}

/// The value and all that follows on its lines: what was meant to be a part of it, too.
fn rest_of_line(source: &SourceFile, span: Span) -> Span {
    let rest = source.text().get(span.end..).unwrap_or_default();
    let length = rest.find('\n').unwrap_or(rest.len());
    Span::new(span.start, span.end + length)
}

fn without_comment(source: &SourceFile, span: Span) -> Span {
    let text = source.slice(span);
    let end = text.find(" #").unwrap_or(text.len());
    Span::new(span.start, span.start + end)
}

/// The end of a word that has no small letter: a name that was glued to what stood before it.
fn upper_end(word: &str) -> &str {
    let small = word.rfind(|c: char| c.is_ascii_lowercase());
    word.get(small.map_or(0, |at| at + 1)..).unwrap_or_default()
}
