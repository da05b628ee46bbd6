//! From assignments to a [`Cluster`], with the help of a [`ConfMapping`].

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use super::assignment::MAX_PROBLEMS;
use super::lexer;
use super::mapping::{ConfMapping, ConfName, KeyDefault, Meaning, ValueKind};
use super::secrecy::Secrecy;
use super::shown::Placed;
use super::value::{Variable, Variables};
use crate::cluster::{Cluster, Spanned, SshSettings};
use crate::cluster_checks::{check_cluster_name, check_private, check_user, check_zones};
use crate::ids::is_plain_name;
use crate::problem::{Problem, Problems};
use crate::read_context::ReadContext;
use crate::secret::Secret;
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;

/// Reads a cluster file of shell assignments. The cluster is `None` where the problems hold an
/// error. Neither the cluster's source nor the problems' show the text of a secret.
pub fn read_conf(
    source: &SourceFile,
    mapping: &ConfMapping,
    context: &ReadContext<'_>,
) -> (Option<Cluster>, Problems) {
    let (cluster, problems) = read_conf_in_part(source, mapping, context);
    (cluster.filter(|_| !problems.has_errors()), problems)
}

/// As [`read_conf`], but gives of a file with errors what could be read: not to be planned with.
pub fn read_conf_in_part(
    source: &SourceFile,
    mapping: &ConfMapping,
    context: &ReadContext<'_>,
) -> (Option<Cluster>, Problems) {
    let secrecy = Secrecy::new(mapping, context);
    let (assignments, mut problems) = lexer::assignments(source, &secrecy);
    if assignments.is_empty() && problems.is_empty() {
        let first = mapping.names.first().map_or("NAME", |entry| &entry.name);
        problems.push(
            Problem::error("cluster::empty", "the file is empty: it sets nothing")
                .in_file(source)
                .help(format!("write assignments: `{first}=...`")),
        );
        return (None, problems);
    }
    let placed: Vec<Placed> = assignments.iter().map(Placed::from).collect();
    let home = context.home;
    let variables = Variables::evaluate(source, assignments, home, &secrecy, &mut problems);
    let shown = secrecy.shown(source, &placed, &variables);
    let mut reader = ConfReader {
        source,
        mapping,
        context,
        lost_lines: problems
            .iter()
            .any(|problem| matches!(problem.code, "conf::command" | "conf::name")),
        variables,
        mistaken: HashSet::new(),
        problems,
        shown,
    };
    reader.unknown_names(&secrecy);
    reader
        .variables
        .report_unset(source, &secrecy, &mut reader.problems);
    let cluster = reader.cluster();
    let mut problems = reader.problems.shown_in(&reader.shown);
    problems.sort();
    (cluster, problems)
}

pub(super) struct ConfReader<'a> {
    pub source: &'a SourceFile,
    pub mapping: &'a ConfMapping,
    pub context: &'a ReadContext<'a>,
    pub variables: Variables,
    /// Names that are not set because another name was most likely meant to be this one.
    pub mistaken: HashSet<String>,
    /// Whether there are lines that could not be understood: what seems not to be set may be.
    pub lost_lines: bool,
    pub problems: Problems,
    /// The file without its secrets.
    shown: SourceFile,
}

impl ConfReader<'_> {
    /// The assignment to this name, unless it was left empty.
    pub(super) fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables
            .get(name)
            .filter(|variable| variable.broken || !variable.value.text().trim().is_empty())
    }

    /// The assignment to the one name that means this, unless it was left empty or is broken.
    fn meant(&self, wanted: impl Fn(&Meaning) -> bool) -> Option<(&ConfName, Option<&Variable>)> {
        let entry = self
            .mapping
            .names
            .iter()
            .find(|entry| wanted(&entry.meaning))?;
        let variable = self.variable(&entry.name).filter(|found| !found.broken);
        Some((entry, variable))
    }

    /// A name of one's own must be used; else it is most likely misspelt.
    fn unknown_names(&mut self, secrecy: &Secrecy<'_>) {
        let known: Vec<String> = self.mapping.names.iter().flat_map(ConfName::each).collect();
        let mut problems = Vec::new();
        for variable in &self.variables.list {
            let name = &variable.name;
            if variable.used || self.mapping.find(name).is_some() {
                continue;
            }
            if problems.len() >= MAX_PROBLEMS {
                break;
            }
            let problem = |message: String| {
                Problem::error("conf::unknown-name", message).at(
                    self.source,
                    variable.name_span,
                    "unknown name",
                )
            };
            if let Some(series) = self
                .mapping
                .names
                .iter()
                .find(|entry| entry.number_of(name).is_some())
            {
                problems.push(
                    problem(format!("`{name}` is not one of {}", series.shown()))
                        .help(format!("the series is {}", series.shown())),
                );
                continue;
            }
            let free = known
                .iter()
                .filter(|known| self.variables.get(known).is_none())
                .chain(self.variables.unset.iter().map(|unset| &unset.name));
            let close = did_you_mean(name, free.map(String::as_str))
                .or_else(|| did_you_mean(name, known.iter().map(String::as_str)));
            // A line of a secret that lost its quotes may seem to set something, most likely to nothing.
            let empty = !variable.broken && variable.value.text().is_empty();
            let repeated = secrecy.named(name) == name && (close.is_some() || !empty);
            let found = match repeated {
                true => problem(format!("`{name}` is a name that means nothing")),
                false => problem("this is a name that means nothing".to_owned()),
            };
            problems.push(match close {
                Some(close) => {
                    self.mistaken.insert(close.to_owned());
                    let used = self
                        .variables
                        .unset
                        .iter()
                        .find(|unset| unset.name == close);
                    let found = match used {
                        Some(unset) => {
                            found.at(self.source, unset.span, format!("`{close}` is used here"))
                        }
                        None => found,
                    };
                    found.help(format!("did you mean `{close}`?"))
                }
                None => found.help(format!(
                    "the names are {}; a name of your own must be used by a later line",
                    self.mapping
                        .names
                        .iter()
                        .map(ConfName::shown)
                        .collect::<Vec<_>>()
                        .join(", ")
                )),
            });
        }
        for problem in problems {
            self.problems.push(problem);
        }
        let mistaken = &self.mistaken;
        self.variables
            .unset
            .retain(|unset| !mistaken.contains(&unset.name));
    }

    fn cluster(&mut self) -> Option<Cluster> {
        let ssh = self.ssh();
        let name = self.name();
        let mut settings = BTreeMap::new();
        let mut setting_places = BTreeMap::new();
        let mut secrets = BTreeMap::new();
        for entry in &self.mapping.names {
            let Some(variable) = self
                .variable(&entry.name)
                .filter(|variable| !variable.broken)
                .cloned()
            else {
                continue;
            };
            match &entry.meaning {
                Meaning::Setting { name, .. } if self.context.settings.is_secret(name) => {
                    secrets.insert(name.clone(), secret_of(&variable));
                }
                Meaning::Secret(name) => {
                    secrets.insert(name.clone(), secret_of(&variable));
                }
                Meaning::Setting { name, kind } => {
                    if let Some(value) = self.setting(&variable, *kind) {
                        let span = variable.value_span;
                        if *kind == ValueKind::List {
                            for (index, item) in
                                variable.value.items(self.source).into_iter().enumerate()
                            {
                                setting_places.insert(format!("/{name}/{index}"), item.at);
                            }
                        }
                        settings.insert(name.clone(), Spanned { value, span });
                    }
                }
                _ => {}
            }
        }
        let (hosts, role_places) = self.hosts(&ssh);
        check_private(self.source, &hosts, &mut self.problems);
        check_zones(self.source, &hosts, &mut self.problems);
        Some(Cluster {
            source: self.shown.clone(),
            name: name?,
            recipe: Spanned {
                value: self.context.recipe.to_owned(),
                span: Span::default(),
            },
            release: None,
            ssh,
            hosts,
            accept: Vec::new(),
            role_places,
            settings,
            setting_places,
            // What the file names are its own variables.
            setting_names: BTreeMap::new(),
            secrets,
        })
    }

    fn setting(&mut self, variable: &Variable, kind: ValueKind) -> Option<Json> {
        let text = variable.value.text();
        let text = text.trim();
        let (value, expected) = match kind {
            ValueKind::Text => return Some(Json::from(text)),
            ValueKind::List => {
                let items = variable.value.items(self.source);
                return Some(
                    items
                        .into_iter()
                        .map(|item| Json::from(item.text))
                        .collect(),
                );
            }
            ValueKind::Number => (text.parse::<i64>().ok().map(Json::from), "a whole number"),
            ValueKind::Port => (
                text.parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .map(Json::from),
                "a port: a number from 1 to 65535",
            ),
            ValueKind::Bool => (
                text.parse::<bool>().ok().map(Json::from),
                "`true` or `false`",
            ),
        };
        if value.is_none() {
            self.problems.push(
                Problem::error(
                    "cluster::setting",
                    format!("`{}` must be {expected}", variable.name),
                )
                .at(
                    self.source,
                    variable.value_span,
                    format!("expected {expected}"),
                ),
            );
        }
        value
    }

    fn name(&mut self) -> Option<Spanned<String>> {
        let meant = self.meant(|meaning| matches!(meaning, Meaning::ClusterName { .. }));
        let Some((entry, variable)) = meant else {
            // A mapping in which nothing names the cluster: it is named for the recipe.
            return Some(Spanned {
                value: cluster_name(self.context.recipe),
                span: Span::default(),
            });
        };
        if let Some(variable) = variable {
            let name = Spanned {
                value: variable.value.text().trim().to_owned(),
                span: variable.value_span,
            };
            check_cluster_name(self.source, &name, &mut self.problems);
            return Some(name);
        }
        let Meaning::ClusterName { default } = &entry.meaning else {
            return None;
        };
        match default {
            Some(default) => Some(Spanned {
                value: default.clone(),
                span: Span::default(),
            }),
            None => {
                let help = format!("write `{}=...`", entry.name);
                if self.variables.get(&entry.name).is_none() {
                    self.problems.push(
                        Problem::error("cluster::name", "the cluster has no name")
                            .in_file(self.source)
                            .help(help),
                    );
                }
                None
            }
        }
    }

    fn ssh(&mut self) -> SshSettings {
        let mut ssh = SshSettings::default();
        if let Some((entry, variable)) =
            self.meant(|meaning| matches!(meaning, Meaning::SshUser { .. }))
        {
            match (variable, &entry.meaning) {
                (Some(variable), _) => {
                    let user = Spanned {
                        value: variable.value.text().trim().to_owned(),
                        span: variable.value_span,
                    };
                    check_user(self.source, &user, &mut self.problems);
                    ssh.user = user.value;
                }
                (
                    None,
                    Meaning::SshUser {
                        default: Some(user),
                    },
                ) => ssh.user.clone_from(user),
                _ => {}
            }
        }
        if let Some((entry, variable)) =
            self.meant(|meaning| matches!(meaning, Meaning::SshKey { .. }))
        {
            match (variable, &entry.meaning) {
                (Some(variable), _) => {
                    let path = Spanned {
                        value: variable.value.text().trim().to_owned(),
                        span: variable.value_span,
                    };
                    // The one key that was named, and no other: a server counts attempts.
                    ssh.agent = false;
                    ssh.keys.extend(
                        self.context
                            .named_key(self.source, &path, &mut self.problems),
                    );
                }
                (None, Meaning::SshKey { default }) if !default.is_empty() => {
                    let default = default.clone();
                    self.default_keys(&default, &mut ssh);
                }
                _ => {}
            }
        }
        ssh
    }

    fn default_keys(&mut self, default: &[KeyDefault], ssh: &mut SshSettings) {
        ssh.agent = default.contains(&KeyDefault::Agent);
        let mut only_ssh = true;
        for key in default {
            match key {
                KeyDefault::Agent => {}
                KeyDefault::Ssh => ssh.keys.extend(self.context.default_keys()),
                KeyDefault::File(path) => {
                    if let Some(path) = self.context.resolve(path)
                        && self
                            .context
                            .optional_key(self.source, &path, &mut self.problems)
                    {
                        ssh.keys.push(path);
                        only_ssh = false;
                    }
                }
            }
        }
        // The agent's keys, then ssh's own: that is what is tried where no file is named.
        if ssh.agent && only_ssh {
            ssh.keys.clear();
        }
    }
}

fn secret_of(variable: &Variable) -> Spanned<Secret> {
    Spanned {
        value: Secret::new(variable.value.text()),
        span: variable.value_span,
    }
}

/// A cluster's name for a recipe: its folder's name, where it is a folder.
fn cluster_name(recipe: &str) -> String {
    let last = recipe
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    match is_plain_name(last) {
        true => last.to_owned(),
        false => "cluster".to_owned(),
    }
}
