//! Checking the conditions and templates of stages.

use std::collections::BTreeSet;

use super::Recipe;
use super::unread::Unread;
use crate::cluster::Spanned;
use crate::expression::{Fault, Names, inside, push_faults};
use crate::problem::{Problem, Problems};
use crate::settings::SettingsLine;
use crate::source::{SourceFile, Span};
use crate::stage_parts::PutSource;

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
