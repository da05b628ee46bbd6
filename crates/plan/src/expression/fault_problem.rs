//! What is wrong with an expression, as a problem of the file that it stands in.

use std::ops::Range;

use super::Fault;
use crate::cluster::Spanned;
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};

/// Tells the faults of a text inside a file.
pub(crate) fn push_faults(
    source: &SourceFile,
    text: &Spanned<String>,
    what: &str,
    faults: Vec<Fault>,
    problems: &mut Problems,
) {
    for fault in faults {
        problems.push_error(|| fault_problem(source, text, what, fault));
    }
}

/// A fault as a problem of the file that the text stands in.
pub(crate) fn fault_problem(
    source: &SourceFile,
    text: &Spanned<String>,
    what: &str,
    fault: Fault,
) -> Problem {
    let span = inside(source, text, fault.range);
    let problem = Problem::error(
        "recipe::expression",
        format!("in this {what}, {}", fault.message),
    )
    .at(source, span, fault.label);
    match fault.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Where a part of a text stands in its file. A text that was written with escapes or on several
/// lines has no places of its own: then it is the text as a whole.
pub(crate) fn inside(source: &SourceFile, text: &Spanned<String>, range: Range<usize>) -> Span {
    let written = source.slice(text.span);
    match written.find(text.value.as_str()) {
        Some(offset) if range.end <= text.value.len() => {
            let start = text.span.start + offset;
            Span::new(start + range.start, start + range.end)
        }
        _ => text.span,
    }
}
