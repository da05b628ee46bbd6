//! Checking the conditions and templates of stages.

use std::collections::BTreeSet;
use std::ops::Range;

use super::unread::Unread;
use super::{Recipe, SettingsLine};
use crate::cluster::Spanned;
use crate::expression::{Fault, Names};
use crate::plan::PutSource;
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};

/// Everything that is wrong with the expressions of a recipe's stages.
pub(super) fn check(recipe: &Recipe, unread: &Unread) -> Problems {
    let mut problems = Problems::new();
    let names = Names {
        open: unread.facts || unread.settings,
        ..recipe.all_names()
    };
    let mut templates = BTreeSet::new();
    for stage in recipe.flows.iter().flat_map(|flow| &flow.stages) {
        if let Some(when) = &stage.when {
            let faults = names.check_condition(&when.value);
            if faults.is_empty() && !names.open {
                for_some_releases(recipe, &recipe.source, when, &mut problems, |names| {
                    names.check_condition(&when.value)
                });
            }
            push_faults(&recipe.source, when, "condition", faults, &mut problems);
        }
        for (put, to) in stage.put.iter().zip(&stage.put_paths) {
            let path = Spanned {
                value: put.value.path.clone(),
                span: *to,
            };
            let faults = names.check_template(&path.value);
            push_faults(&recipe.source, &path, "path", faults, &mut problems);
            if let PutSource::Template(path) = &put.value.source {
                templates.insert(path.as_str());
            }
        }
    }
    for path in templates {
        let Some(Ok(source)) = recipe.files.text(path) else {
            continue;
        };
        let text = Spanned {
            value: source.text().to_owned(),
            span: Span::new(0, source.text().len()),
        };
        let faults = names.check_template(&text.value);
        if faults.is_empty() && !names.open {
            for_some_releases(recipe, &source, &text, &mut problems, |names| {
                names.check_template(&text.value)
            });
        }
        push_faults(&source, &text, "template", faults, &mut problems);
    }
    problems
}

/// Says where a name means something for some releases only.
fn for_some_releases(
    recipe: &Recipe,
    source: &SourceFile,
    text: &Spanned<String>,
    problems: &mut Problems,
    check: impl Fn(&Names) -> Vec<Fault>,
) {
    let check_line = |line: &SettingsLine| check(&recipe.names(Some(line)));
    for line in &recipe.settings {
        for fault in check_line(line) {
            let problem = Problem::warning(
                "recipe::some-releases",
                format!(
                    "{}, in the settings for {}",
                    fault.message,
                    shown(&line.line)
                ),
            )
            .at(source, inside(source, text, fault.range), "not there")
            .help(format!(
                "a plan for such a release will be refused; declare it in `{}`",
                line.source.name()
            ));
            problems.push(problem);
        }
    }
}

fn shown(line: &str) -> String {
    match line {
        "any" => "any other release".to_owned(),
        line => format!("release {line}"),
    }
}

/// Tells the faults of a text inside a file.
pub(super) fn push_faults(
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
