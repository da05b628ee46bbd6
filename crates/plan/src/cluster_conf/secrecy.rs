//! What of a cluster.conf may be shown, and repeated in words: names, and the values of names that
//! the mapping knows and that are no secret. Everything else may be a secret whose name is misspelt
//! or whose quotes stand elsewhere.

use super::mapping::{ConfMapping, ConfName, Meaning};
use crate::address::check_address;
use crate::cluster_yaml::FILE_KEYS;
use crate::read_context::ReadContext;
use crate::shown_settings::swallows;
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
    pub(super) fn means_secret(&self, name: &str) -> bool {
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

    pub(super) fn is_known(&self, name: &str) -> bool {
        let names = || self.mapping.names.iter();
        let close = did_you_mean(name, names().map(|entry| entry.name.as_str()));
        close.is_some()
            || names().any(|entry| entry.number_of(name).is_some() || entry.covers(name))
    }
}

/// The end of a word that has no small letter: a name that was glued to what stood before it.
fn upper_end(word: &str) -> &str {
    let small = word.rfind(|c: char| c.is_ascii_lowercase());
    word.get(small.map_or(0, |at| at + 1)..).unwrap_or_default()
}
