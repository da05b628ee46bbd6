//! What is wrong with a text that is not YAML, and what was most likely meant.

use saphyr_parser::Event;

use super::MAX_DEPTH;
use super::events::Parsed;
use crate::problem::Problem;
use crate::source::{SourceFile, Span};

/// The problem of a text that the parser gave up on at `byte`, with what it said.
pub(super) fn syntax_problem(
    source: &SourceFile,
    shown: &SourceFile,
    byte: usize,
    info: &str,
) -> Problem {
    // A parser's tale of what it was doing helps nobody: what it met is enough.
    let met = info.split_once(", ").map_or(info, |(_, met)| met);
    let text = source.text();
    let rest = text.get(byte..).unwrap_or_default();
    if met.contains("recursion limit") {
        return too_deep(source, Span::new(byte, byte));
    }
    let not_yaml = |what: &str| {
        let message = format!("this is not valid YAML: {what}");
        Problem::error("yaml::syntax", message)
    };
    let here = Span::new(byte, byte);
    if let Some(tab) = tab_indent(text, byte, info) {
        return not_yaml("a tab indents this line")
            .at(source, tab, "a tab")
            .help("indent with spaces: YAML does not allow tabs there");
    }
    if met.contains("trailing content after") {
        let value = quoted_in_part(text, byte).unwrap_or(here);
        let written = source.slice(value);
        let problem = not_yaml("only a part of this value is in quotes").at(
            source,
            value,
            "quotes have to be around all of it",
        );
        let whole = match source.hidden_in(shown, value) {
            true => None,
            false => wholly_quoted(written),
        };
        return problem.help(match whole {
            Some(whole) => format!("write {whole}"),
            None => "put all of the value in quotes, of the kind that is not in it".to_owned(),
        });
    }
    if info.contains("quoted scalar") && rest.starts_with(['"', '\'']) {
        return not_yaml("a quote is not closed")
            .at(source, Span::new(byte, byte + 1), "opened here")
            .help("close the quote on the same line");
    }
    if met.contains("'-' indicator") || (met.contains("expected key") && rest.starts_with("- ")) {
        let line = words_of(text, line_of(text, byte));
        return not_yaml("this line is not indented as the list that it is in")
            .at(
                source,
                line,
                "neither an entry of the list nor a part of one",
            )
            .help(match entry_above(text, line) {
                Some(column) if source.slice(line).starts_with("- ") => {
                    format!("begin it in column {column}, as the entry above")
                }
                Some(column) => format!(
                    "indent it to column {}, as what belongs to the entry above",
                    column + 2
                ),
                None => "begin each entry of a list with `- `, in the same column".to_owned(),
            });
    }
    let problem = not_yaml(met).at(source, here, "here");
    if rest.starts_with([']', '}']) && met.contains("indentation") {
        problem.help("indent the closing bracket by at least one space")
    } else if met.contains("indentation") {
        problem.help("check the indentation here, and whether a bracket further up is not closed")
    } else if met.contains("mapping values are not allowed") && is_first_key(text, byte) {
        problem.help("indent this line as the one above it, which has its value already")
    } else if met.contains("mapping values are not allowed") {
        problem.help("put a value that contains `: ` in quotes, or check the indentation")
    } else if met.contains("expected key") || met.contains("simple key") {
        problem.help("check the indentation here, and that the line reads `key: value`")
    } else if met.contains("unknown anchor") {
        problem.help("put a value that starts with `*` in quotes")
    } else if met.contains("',' or") || met.contains("illegal placement of ':'") {
        problem.help("close the bracket that is open, and put a value that contains `, ` or a bracket in quotes")
    } else {
        problem
    }
}

/// The tab that indents the line of `byte`, or the line below it where the parser stops before it; none where no tab
/// does.
fn tab_indent(text: &str, byte: usize, info: &str) -> Option<Span> {
    let line = line_of(text, byte);
    let own = tab_of(text, line.start);
    if own.is_some() {
        return own;
    }
    // What it expected is missing since the line with the tab is none for it.
    let at_end = text
        .get(byte..line.end)
        .is_some_and(|rest| rest.trim().is_empty());
    if !at_end && !info.contains("tab") {
        return None;
    }
    let mut next = line.end;
    for line in text.get(line.end..)?.split_inclusive('\n') {
        if !line.trim().is_empty() {
            return tab_of(text, next);
        }
        next += line.len();
    }
    None
}

/// The tab in the indentation of the line that starts here.
fn tab_of(text: &str, start: usize) -> Option<Span> {
    let line = text.get(start..)?;
    let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
    let tab = start + line.get(..indent)?.find('\t')?;
    Some(Span::new(tab, tab + 1))
}

/// The line of a byte, without what ends it.
fn line_of(text: &str, byte: usize) -> Span {
    let (before, after) = text.split_at_checked(byte).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let length = after.find('\n').unwrap_or(after.len());
    Span::new(start, before.len() + length)
}

/// What stands in a line, without what it is indented by.
fn words_of(text: &str, line: Span) -> Span {
    let written = text.get(line.start..line.end).unwrap_or_default();
    let indent = written.len() - written.trim_start().len();
    Span::new(line.start + indent, line.start + written.trim_end().len())
}

/// The column, counted from 1, of the nearest entry of a list above a line.
fn entry_above(text: &str, line: Span) -> Option<usize> {
    let mut above = text.get(..line.start)?.lines().rev();
    above.find_map(|above| {
        let words = above.trim_start_matches(' ');
        words
            .starts_with("- ")
            .then(|| above.len() - words.len() + 1)
    })
}

/// Whether the colon at `byte` ends the first word of its line, which is indented further than the line above it.
fn is_first_key(text: &str, byte: usize) -> bool {
    let start = line_of(text, byte).start;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let line = text.get(start..byte).unwrap_or_default();
    let above = text.get(..start).unwrap_or_default().lines().next_back();
    if above.is_none_or(|above| indent(above) >= indent(line)) {
        return false;
    }
    let key = line.trim();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !key.is_empty() && key.chars().all(word)
}

/// A value that begins with a quote and does not end with it: `"ca" in host.labels`.
fn quoted_in_part(text: &str, byte: usize) -> Option<Span> {
    let line = line_of(text, byte);
    let before = text.get(line.start..byte)?;
    let quote = |at: &usize| {
        let behind = before.get(at + 2..).unwrap_or_default();
        behind.trim_start().starts_with(['"', '\''])
    };
    let colon = before.rmatch_indices(": ").map(|(at, _)| at).find(quote)?;
    let lead = before.get(colon + 2..)?;
    let start = line.start + colon + 2 + (lead.len() - lead.trim_start().len());
    let value = text.get(start..line.end)?;
    let value = value.get(..comment_start(value))?;
    // Inside of brackets the value ends where the next key or the bracket's end comes.
    let end = match before.get(..colon)?.contains(['{', '[']) {
        false => value.len(),
        true => {
            let closing = value.rfind(['}', ']']).unwrap_or(value.len());
            let next_key = value.match_indices(", ").map(|(at, _)| at).find(|at| {
                let rest = value.get(at + 2..).unwrap_or_default();
                let word = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
                word.len() < rest.len() && word.starts_with(": ")
            });
            next_key.unwrap_or(closing).min(closing)
        }
    };
    let length = value.get(..end)?.trim_end().len();
    Some(Span::new(start, start + length))
}

/// Where the comment behind a value starts, or the value's end.
fn comment_start(value: &str) -> usize {
    let mut quote = None;
    let mut blank = false;
    for (at, c) in value.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '#' && blank => return at,
            None => {}
        }
        blank = matches!(c, ' ' | '\t');
    }
    value.len()
}

/// A value that is in quotes in part with quotes around all of it; none where nobody can say what was meant, or
/// where it would be read as something else.
fn wholly_quoted(written: &str) -> Option<String> {
    let whole = match (written.contains('\''), written.contains('"')) {
        (true, true) => return None,
        (false, _) => format!("'{written}'"),
        (true, false) => format!("\"{written}\""),
    };
    let same = is_read_as(&whole, written);
    (same && !written.is_empty() && quotes_pair(written)).then_some(whole)
}

/// Whether a value in quotes is read as this text, and as nothing else.
fn is_read_as(quoted: &str, text: &str) -> bool {
    let parsed = Parsed::of(quoted);
    let mut values = 0;
    let all_fit = parsed.events().all(|met| match met {
        Ok((Event::Scalar(value, ..), _)) => {
            values += 1;
            value == text
        }
        Ok((
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd,
            _,
        )) => true,
        Ok(_) | Err(_) => false,
    });
    all_fit && values == 1
}

/// Whether every quote is closed, and a word nowhere follows at once: of `"a == "b""` the first and the last quote
/// were meant to be around all of it.
fn quotes_pair(written: &str) -> bool {
    let mut quote = None;
    let mut closed = false;
    for c in written.chars() {
        let is_quote = matches!(c, '"' | '\'');
        if closed && (is_quote || c.is_alphanumeric() || c == '_') {
            return false;
        }
        closed = quote == Some(c);
        match quote {
            Some(open) if c == open => quote = None,
            None if is_quote => quote = Some(c),
            _ => {}
        }
    }
    quote.is_none()
}

pub(super) fn too_deep(source: &SourceFile, span: Span) -> Problem {
    Problem::error(
        "yaml::depth",
        format!("lists and mappings are nested more than {MAX_DEPTH} deep"),
    )
    .at(source, span, "this is one too many")
}
