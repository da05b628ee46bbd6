//! A secret in a file that was mutated as people do by mistake, for tests: none of it may be shown.

use proptest::prelude::*;

use crate::problem::Problems;
use crate::source::SourceFile;

/// The secret; it is no word of any test's files.
pub(crate) const CORE: &str = "zQ7xWv9KpT2m";

/// The secret as it may be written: what stands around it means something in one of the spellings.
pub(crate) fn secret() -> impl Strategy<Value = String> {
    let around = || prop::sample::select(vec!["", "", "", "a", "1", "$", "a#", ";", "a b", "\\"]);
    let behind = prop::sample::select(vec![
        "", "", "", "b", "=", "==", "$x", "'", "\"", ";c", " d", "#", "&e", "`f", ")", "!", "}",
        ",g",
    ]);
    (around(), behind).prop_map(|(before, after)| format!("{before}{CORE}{after}"))
}

/// One mistake. Places are given in thousandths of the text.
#[derive(Clone, Debug)]
pub(crate) enum Slip {
    /// The file ends here.
    Truncate(usize),
    /// This is typed too much.
    Insert(usize, &'static str),
    /// The next of these characters behind this place is left out.
    Remove(usize, &'static str),
    /// The line of this place is indented by so many blanks more, or less.
    Indent(usize, isize),
}

pub(crate) fn slips() -> impl Strategy<Value = Vec<Slip>> {
    let place = || 0usize..1000;
    let text = prop::sample::select(vec![
        "\"", "'", "\"", "'", "{", "}", "[", "]", ",", ": ", ":", " ", "  ", "\n", "\n  ", "\t",
        "#", "&", "*", "!", "|", ">", "- ", "? ", "@", "%", "`", "=", "$", "\\", ";", "é",
    ]);
    let removed =
        prop::sample::select(vec!["\"", "'", "\"'", "{}", "[]", ",", ":", " ", "\n", "="]);
    let slip = prop_oneof![
        1 => place().prop_map(Slip::Truncate),
        4 => (place(), text).prop_map(|(at, text)| Slip::Insert(at, text)),
        4 => (place(), removed).prop_map(|(at, of)| Slip::Remove(at, of)),
        2 => (place(), -4isize..5).prop_map(|(at, by)| Slip::Indent(at, by)),
    ];
    prop::collection::vec(slip, 0..4)
}

/// The text after these mistakes.
pub(crate) fn slipped(text: &str, slips: &[Slip]) -> String {
    let mut text = text.to_owned();
    for slip in slips {
        let place = |thousandths: usize| {
            let mut at = text.len() * thousandths / 1000;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        match slip {
            Slip::Truncate(at) => text.truncate(place(*at)),
            Slip::Insert(at, more) => text.insert_str(place(*at), more),
            Slip::Remove(at, of) => {
                let at = place(*at);
                if let Some(found) = text[at..].find(|c| of.contains(c)) {
                    text.remove(at + found);
                }
            }
            Slip::Indent(at, by) => {
                let line = text[..place(*at)]
                    .rfind('\n')
                    .map_or(0, |newline| newline + 1);
                if *by > 0 {
                    text.insert_str(line, &" ".repeat(by.unsigned_abs()));
                } else {
                    let blank = text[line..].len() - text[line..].trim_start_matches(' ').len();
                    text.replace_range(line..line + blank.min(by.unsigned_abs()), "");
                }
            }
        }
    }
    text
}

/// Whether a text holds a good part of the secret.
pub(crate) fn tells(text: &str) -> bool {
    (0..=CORE.len() - 6).any(|at| text.contains(&CORE[at..at + 6]))
}

/// Nothing that is shown of the problems, or could be, tells the secret.
pub(crate) fn check(file: &str, problems: &Problems) -> Result<(), TestCaseError> {
    prop_assert!(
        !tells(&problems.to_plain_text()),
        "{file}\n{}",
        problems.to_plain_text()
    );
    for problem in problems.iter() {
        let shown = problem.source.as_ref().map_or("", SourceFile::text);
        prop_assert!(!tells(shown), "{file}\nis shown as\n{shown}");
        let place = problem.source.as_ref().map(SourceFile::name);
        prop_assert!(place.is_none_or(|name| !tells(name)));
    }
    Ok(())
}
