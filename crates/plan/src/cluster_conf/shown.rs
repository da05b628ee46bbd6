//! The file as it may be shown: with nothing in it that may be a secret.

use super::assignment::Assignment;
use super::secrecy::Secrecy;
use super::value::Variables;
use crate::likely_name::is_name_character;
use crate::source::{SourceFile, Span};

impl Secrecy<'_> {
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
