//! Which facts a script tells.

use std::collections::BTreeSet;

use super::shell_words::{commands, is_literal, unquoted};

/// The facts that a script tells, as far as a look at its text tells.
pub(crate) struct FactsTold<'a> {
    /// Those whose names stand in it.
    pub(crate) named: BTreeSet<&'a str>,
    /// Whether there are others, whose names are put together only when it runs.
    pub(crate) others: bool,
}

/// Looks which facts a script tells.
pub(crate) fn facts_told(text: &str) -> FactsTold<'_> {
    let mut told = FactsTold {
        named: BTreeSet::new(),
        others: false,
    };
    for words in text.lines().flat_map(|line| commands(line).0) {
        let fact = match words.as_slice() {
            [(_, "fact"), (_, fact), ..] => *fact,
            // What `fact` itself calls.
            [(_, "px_tell"), (_, word), (_, fact), ..] if unquoted(word) == "fact" => *fact,
            // It may tell a fact, of whatever name.
            [(_, "px_tell"), (_, word), _, ..] if !is_literal(word) => *word,
            _ => continue,
        };
        if is_literal(fact) {
            told.named.insert(unquoted(fact));
        } else {
            told.others = true;
        }
    }
    told
}
