//! Windows line ends: no shell reads them, and few programs want them in what they are configured with.

use std::collections::BTreeSet;

use super::Recipe;
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};
use crate::stage_parts::{Action, PutSource};

/// Tells the files of the recipe that have them. A file that is put as it stands may be meant for Windows.
pub(super) fn check(recipe: &Recipe) -> Problems {
    let (mut scripts, mut templates, mut files) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    scripts.extend(recipe.facts_script.as_deref());
    for stage in recipe.flows.iter().flat_map(|flow| &flow.stages) {
        if let Action::Run(path) | Action::Until(path) = &stage.action {
            scripts.insert(path.as_str());
        }
        for put in &stage.put {
            match &put.value.source {
                PutSource::Template(path) => templates.insert(path),
                PutSource::File(path) => files.insert(path),
                PutSource::Upload(_) => false,
            };
        }
    }
    let mut problems = Problems::new();
    let mut tell = |path: &str, problem: Problem, help: &str| {
        let Some(Ok(source)) = recipe.files.text(path) else {
            return;
        };
        if let Some((at, lines)) = carriage_returns(&source) {
            let label = match lines {
                1 => "a carriage return".to_owned(),
                lines => format!("a carriage return, the first of {lines}"),
            };
            let at = Span::new(at, at + 1);
            problems.push(problem.at(&source, at, label).help(help));
        }
    };
    const HELP: &str = "save it with plain line feeds";
    for path in &scripts {
        let message = "this script has Windows line ends, which no shell can read";
        tell(path, Problem::error("recipe::crlf", message), HELP);
    }
    for path in &templates {
        let message = "this template has Windows line ends, and hosts would be given them";
        tell(path, Problem::error("recipe::crlf", message), HELP);
    }
    for path in files.difference(&templates) {
        let message = "this file has Windows line ends, and is put on hosts with them";
        let help = "save it with plain line feeds, where the program that reads it wants no others";
        tell(path, Problem::warning("recipe::crlf", message), help);
    }
    problems
}

/// The first carriage return at a line's end, and how many lines have one.
fn carriage_returns(source: &SourceFile) -> Option<(usize, usize)> {
    let text = source.text();
    Some((text.find("\r\n")?, text.matches("\r\n").count()))
}
