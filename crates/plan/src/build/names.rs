//! Whether every name in the stages' conditions and templates means something and has a value.

use std::collections::BTreeSet;

use crate::cluster::Spanned;
use crate::expression::{Names, Uses, fault_problem, inside, parse_expression, parse_template};
use crate::problem::{Problem, Problems};
use crate::recipe::{Recipe, Stage};
use crate::settings::{Resolved, SettingsLine};
use crate::source::{SourceFile, Span};
use crate::stage_parts::PutSource;

/// What the names may mean in this plan.
pub(super) struct NameCheck<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) names: Names,
    pub(super) line: Option<&'a SettingsLine>,
    pub(super) resolved: &'a Resolved,
    /// Whether a release is known.
    pub(super) released: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Condition,
    Template(&'static str),
}

impl NameCheck<'_> {
    pub(super) fn check(&self, stages: &[Stage]) -> Problems {
        let mut problems = Problems::new();
        let mut seen = BTreeSet::new();
        let recipe = &self.recipe.source;
        for stage in stages {
            if let Some(when) = &stage.when {
                self.text(recipe, when, Language::Condition, &mut problems);
            }
            for (put, to) in stage.put.iter().zip(&stage.put_paths) {
                let path = Spanned {
                    value: put.value.path.clone(),
                    span: *to,
                };
                self.text(recipe, &path, Language::Template("path"), &mut problems);
                let PutSource::Template(path) = &put.value.source else {
                    continue;
                };
                if let Some(Ok(source)) = self.recipe.files.text(path)
                    && seen.insert(path.as_str())
                {
                    let text = Spanned {
                        value: source.text().to_owned(),
                        span: Span::new(0, source.text().len()),
                    };
                    self.text(
                        &source,
                        &text,
                        Language::Template("template"),
                        &mut problems,
                    );
                }
            }
        }
        problems
    }

    fn text(
        &self,
        source: &SourceFile,
        text: &Spanned<String>,
        language: Language,
        problems: &mut Problems,
    ) {
        let (what, faults, uses) = match language {
            Language::Condition => (
                "condition",
                self.names.check_condition(&text.value),
                parse_expression(&text.value),
            ),
            Language::Template(what) => (
                what,
                self.names.check_template(&text.value),
                parse_template(&text.value),
            ),
        };
        let faulty = !faults.is_empty();
        for fault in faults {
            problems.push_error(|| fault_problem(source, text, what, fault));
        }
        if let (false, Ok(uses)) = (faulty, uses) {
            for (name, span) in self.without_value(&uses) {
                let problem = Problem::error(
                    "plan::no-value",
                    format!("this {what} needs `{name}`, which has no value"),
                )
                .at(source, inside(source, text, span), "needed here")
                .help(match name.as_str() {
                    "release" => "name a `release` in the cluster file".to_owned(),
                    name => format!("give the setting `{name}` in the cluster file"),
                });
                problems.push(problem);
            }
        }
    }

    /// Settings that are declared, have no default and were not given; with the place of each.
    fn without_value(&self, uses: &Uses) -> Vec<(String, std::ops::Range<usize>)> {
        let needed = uses.needed();
        let declared = |name: &str| {
            self.line
                .into_iter()
                .flat_map(SettingsLine::properties)
                .any(|(known, _)| known == name)
        };
        let mut told = BTreeSet::new();
        uses.names
            .iter()
            .filter(|(name, _)| needed.contains(name.as_str()))
            .filter(|(name, _)| match name.as_str() {
                "release" => !self.released,
                name => {
                    declared(name)
                        && !self.resolved.settings.contains_key(name)
                        && !self.resolved.faulty.contains(name)
                }
            })
            .filter(|(name, _)| told.insert(name.as_str()))
            .cloned()
            .collect()
    }
}
