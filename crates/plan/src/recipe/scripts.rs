//! Checking scripts, as far as a look at their text tells.

use std::collections::{BTreeMap, BTreeSet};

use super::Recipe;
use super::shell_words::{asks_for_sh, bashism, commands, is_awk_function, is_literal, unquoted};
use super::unread::Unread;
use crate::cluster::Spanned;
use crate::naming::unknown;
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};
use crate::stage_parts::{Action, PutSource};
use crate::suggest::did_you_mean;
use crate::variables::variable_name;

/// Folders whose files are there to be used by a stage.
const FOLDERS: [&str; 3] = ["scripts/", "templates/", "files/"];
const SEVERITIES: [&str; 3] = ["note", "warning", "error"];
/// What every script is given, whatever the recipe.
const GIVEN: [&str; 16] = [
    "PX_RUN",
    "PX_CLUSTER",
    "PX_RECIPE",
    "PX_RELEASE",
    "PX_FLOW",
    "PX_STAGE",
    "PX_HOST",
    "PX_ROLE",
    "PX_ADDRESS",
    "PX_PRIVATE_ADDRESS",
    "PX_SECRETS",
    "PX_REPAIR",
    "PX_LEFT_OUT",
    "PX_CLOCK",
    "PX_WAITED",
    "PX_WITHIN",
];

/// Everything that is wrong with a recipe's scripts, and, of a recipe that was read completely, the
/// files that nothing uses.
pub(super) fn check(recipe: &Recipe, unread: &Unread, complete: bool) -> Problems {
    let mut problems = Problems::new();
    let mut scripts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut used = BTreeSet::new();
    if let Some(path) = &recipe.facts_script {
        scripts.entry(path).or_default();
    }
    for stage in recipe.flows.iter().flat_map(|flow| &flow.stages) {
        if let Action::Run(path) | Action::Until(path) = &stage.action {
            let id = stage.id.value.as_str();
            scripts.entry(path).or_default().insert(id);
        }
        for put in &stage.put {
            if let PutSource::File(path) | PutSource::Template(path) = &put.value.source {
                used.insert(path.as_str());
            }
        }
    }
    let variables = variables(recipe);
    for (path, stages) in &scripts {
        if let Some(Ok(source)) = recipe.files.text(path) {
            let mut script = Script {
                recipe,
                unread,
                source: &source,
                problems: &mut problems,
            };
            script.check(&variables, stages);
        }
    }
    for path in recipe.files.paths().filter(|_| complete) {
        let idle = !scripts.contains_key(path) && !used.contains(path);
        if idle && FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            let file = SourceFile::new(recipe.files.shown(path), "");
            let problem = Problem::note("recipe::unused-file", "no stage uses this file")
                .in_file(&file)
                .help("name it in a stage, or remove it");
            problems.push(problem);
        }
    }
    problems
}

/// The checks that the recipe's scripts tell problems of, as far as a look at their text tells.
pub(super) fn checks(recipe: &Recipe) -> BTreeSet<String> {
    let stages = recipe.flows.iter().flat_map(|flow| &flow.stages);
    let scripts: BTreeSet<&str> = stages
        .filter_map(|stage| match &stage.action {
            Action::Run(path) | Action::Until(path) => Some(path.as_str()),
            Action::Put | Action::Reboot => None,
        })
        .collect();
    let mut checks = BTreeSet::new();
    for source in scripts
        .into_iter()
        .filter_map(|path| recipe.files.text(path)?.ok())
    {
        for line in source.text().lines() {
            for words in commands(line).0 {
                if let [(_, "problem"), (_, check), ..] = words.as_slice()
                    && is_literal(check)
                {
                    checks.insert(unquoted(check).to_owned());
                }
            }
        }
    }
    checks
}

/// Every variable that some script of the recipe may be given.
fn variables(recipe: &Recipe) -> BTreeSet<String> {
    let mut variables: BTreeSet<String> = GIVEN.iter().map(|name| (*name).to_owned()).collect();
    for fact in recipe.fact_kinds.keys() {
        variables.insert(format!("PX_FACT_{}", variable_name(fact)));
    }
    for name in recipe.release_values.values().flat_map(BTreeMap::keys) {
        variables.insert(format!("PX_RELEASE_{}", variable_name(name)));
    }
    let stages = recipe.flows.iter().flat_map(|flow| &flow.stages);
    for fact in stages.flat_map(|stage| &stage.all_facts) {
        variables.insert(format!("PX_FACTS_{}", variable_name(fact)));
    }
    for role in &recipe.roles {
        let role = variable_name(role.name.as_str());
        variables.insert(format!("PX_HOSTS_{role}"));
        variables.insert(format!("PX_ADDRESSES_{role}"));
    }
    for line in &recipe.settings {
        for (setting, _) in line.properties() {
            variables.insert(match line.secrets.get(setting) {
                Some(handed) => handed.variable(setting),
                None => format!("PX_SETTING_{}", variable_name(setting)),
            });
        }
    }
    variables
}

struct Script<'a> {
    recipe: &'a Recipe,
    unread: &'a Unread,
    source: &'a SourceFile,
    problems: &'a mut Problems,
}

impl Script<'_> {
    fn check(&mut self, variables: &BTreeSet<String>, stages: &BTreeSet<&str>) {
        let text = self.source.text();
        if text.trim().is_empty() {
            let problem = Problem::error("recipe::empty-script", "this script is empty");
            self.problems.push(problem.in_file(self.source));
            return;
        }
        self.check_first_line(text);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let (commands, end) = commands(line);
            let code = line.get(..end).unwrap_or(line);
            self.check_variables(start, code, variables, stages);
            for words in commands.iter().filter(|_| !is_awk_function(line)) {
                self.check_command(start, words, stages);
            }
            start += line.len();
        }
    }

    fn error(&mut self, code: &'static str, span: Span, message: &str, label: &str, help: &str) {
        let problem = Problem::error(code, message)
            .at(self.source, span, label)
            .help(help);
        self.problems.push(problem);
    }

    fn check_first_line(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        if asks_for_sh(text) == Some(false) {
            self.error(
                "recipe::shebang",
                Span::new(0, line.len()),
                "a script is POSIX sh, and this line asks for something else",
                "not heeded",
                "write `#!/bin/sh`, and no more than sh understands",
            );
        }
    }

    fn check_variables(
        &mut self,
        start: usize,
        code: &str,
        variables: &BTreeSet<String>,
        stages: &BTreeSet<&str>,
    ) {
        for (at, _) in code.match_indices("PX_") {
            let before = code.get(..at).and_then(|before| before.chars().next_back());
            // Part of a longer name, or assigned here.
            if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                continue;
            }
            let rest = code.get(at..).unwrap_or_default();
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            // `PX_HOSTS_${role}` is put together when the script runs.
            let built = rest.get(name.len()..).unwrap_or_default().starts_with('$');
            if built || name.ends_with('_') {
                continue;
            }
            let span = Span::new(start + at, start + at + name.len());
            if !variables.contains(&name) && self.unread.may_give(&name) {
                continue;
            }
            if !variables.contains(&name) {
                let facts = || self.recipe.fact_kinds.keys();
                let of_all = |fact: &&String| name == format!("PX_FACTS_{}", variable_name(fact));
                if let Some(fact) = facts().find(of_all).cloned() {
                    self.not_given(&fact, span);
                    continue;
                }
                let source = self.source;
                self.problems.push_error(|| {
                    let problem = Problem::error(
                        "recipe::variable",
                        format!("no script is given `{name}`"),
                    )
                    .at(source, span, "unknown");
                    let known = variables.iter().map(String::as_str);
                    let secret = name.strip_prefix("PX_SETTING_");
                    let secret = secret.map(|setting| format!("PX_SECRET_{setting}"));
                    let secret = secret.filter(|secret| variables.contains(secret));
                    match secret.as_deref().or_else(|| did_you_mean(&name, known)) {
                        Some(close) => problem.help(format!("did you mean `{close}`?")),
                        None => problem.help(
                            "there is PX_SETTING_..., PX_FACT_..., PX_HOSTS_... and PX_ADDRESSES_...",
                        ),
                    }
                });
            } else if let Some(fact) = name.strip_prefix("PX_FACTS_") {
                let problem = Problem::warning(
                    "recipe::long-variable",
                    format!("`{name}` is not set where there are many hosts: it is too long then"),
                )
                .at(self.source, span, "set only where it is short");
                let fact = fact.to_ascii_lowercase();
                self.problems
                    .push(problem.help(format!("use the output of `px_facts {fact}`")));
            } else if name.starts_with("PX_SECRET_") && !self.is_handed(&name, stages) {
                self.error(
                    "recipe::secret-not-handed",
                    span,
                    &format!("`{name}` is not handed to every stage that runs this script"),
                    "may not be set",
                    "name the stage in the settings file's `secrets`",
                );
            }
        }
    }

    /// Whether every stage of this script is handed the secret.
    fn is_handed(&self, variable: &str, stages: &BTreeSet<&str>) -> bool {
        !stages.is_empty()
            && self.recipe.settings.iter().all(|line| {
                line.secrets
                    .iter()
                    .filter(|(name, handed)| handed.variable(name) == variable)
                    .all(|(_, handed)| {
                        let handed_to = |stage: &str| {
                            let mut stages = handed.stages.iter();
                            stages.any(|to| to.value.as_str() == stage)
                        };
                        stages.iter().all(|stage| handed_to(stage))
                    })
            })
    }

    fn check_command(&mut self, start: usize, words: &[(usize, &str)], stages: &BTreeSet<&str>) {
        let Some((_, command)) = words.first() else {
            return;
        };
        let span = |at: usize, word: &str| Span::new(start + at, start + at + word.len());
        let word = |index: usize| words.get(index).filter(|(_, word)| is_literal(word));
        match *command {
            "fact" => {
                if let Some((at, name)) = word(1)
                    && !self.unread.facts
                    && !self.recipe.fact_kinds.contains_key(unquoted(name))
                {
                    let name = Spanned {
                        value: unquoted(name).to_owned(),
                        span: span(*at, name),
                    };
                    let known = self.recipe.fact_kinds.keys().map(String::as_str);
                    let mut problem = unknown(self.source, &name, "fact", known);
                    if problem.help.is_none() {
                        problem = problem.help("declare it in recipe.yaml under `facts`, `names`");
                    }
                    self.problems.push(problem);
                }
            }
            "problem" => {
                if let Some((at, severity)) = word(2)
                    && !SEVERITIES.contains(&unquoted(severity))
                {
                    let severity = Spanned {
                        value: unquoted(severity).to_owned(),
                        span: span(*at, severity),
                    };
                    let problem = unknown(
                        self.source,
                        &severity,
                        "severity",
                        SEVERITIES.iter().copied(),
                    );
                    self.problems.push(problem);
                }
            }
            "px_facts" | "px_hosts" | "px_addresses" | "px_setting" => {
                if let Some((at, name)) = word(1) {
                    let name = Spanned {
                        value: unquoted(name).to_owned(),
                        span: span(*at, name),
                    };
                    self.check_value(command, &name, stages);
                }
            }
            _ => {
                if let Some((at, word, instead)) = bashism(words) {
                    let problem = Problem::warning(
                        "recipe::bashism",
                        format!("`{word}` is bash, and a script is POSIX sh"),
                    )
                    .at(self.source, span(at, word), "not in sh")
                    .help(instead);
                    self.problems.push(problem);
                }
            }
        }
    }

    /// A name that one of lib.sh's functions is to print the value of.
    fn check_value(&mut self, command: &str, name: &Spanned<String>, stages: &BTreeSet<&str>) {
        let wanted = variable_name(&name.value);
        let recipe = self.recipe;
        let (what, known): (&str, Vec<&str>) = match command {
            "px_facts" => (
                "fact",
                recipe.fact_kinds.keys().map(String::as_str).collect(),
            ),
            "px_setting" => {
                let lines = recipe.settings.iter();
                let plain = lines.flat_map(|line| {
                    let names = line.properties().map(|(name, _)| name);
                    names.filter(|name| !line.secrets.contains_key(*name))
                });
                ("setting", plain.collect())
            }
            _ => {
                let roles = recipe.roles.iter();
                ("role", roles.map(|role| role.name.as_str()).collect())
            }
        };
        let Some(meant) = known.iter().find(|known| variable_name(known) == wanted) else {
            if match what {
                "fact" => self.unread.facts,
                "setting" => self.unread.settings,
                _ => self.unread.roles,
            } {
                return;
            }
            let problem = unknown(self.source, name, what, known.into_iter());
            self.problems.push(problem);
            return;
        };
        let given = |stage: &&str| {
            let all = recipe.flows.iter().flat_map(|flow| &flow.stages);
            let mut named = all.filter(|known| known.id.value.as_str() == *stage);
            named.all(|known| known.all_facts.contains(*meant))
        };
        let everywhere = !stages.is_empty() && stages.iter().all(given);
        if command == "px_facts" && !everywhere {
            self.not_given(meant, name.span);
        }
    }

    fn not_given(&mut self, fact: &str, span: Span) {
        self.error(
            "recipe::facts-not-given",
            span,
            &format!("`{fact}` of all hosts is not given to every stage that runs this script"),
            "may not be given",
            &format!("write `all_facts: [{fact}]` in the stage"),
        );
    }
}
