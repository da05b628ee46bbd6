//! The settings of a cluster against the recipe's schema: defaults filled in, and everything that
//! does not fit, at its place in the cluster file.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::line::SettingsLine;
use super::schema::validator;
use super::wording;
use crate::cluster::Cluster;
use crate::likely_name::looks_like_a_name;
use crate::problem::{Problem, Problems};
use crate::secret::Secret;
use crate::source::Span;
use crate::suggest::did_you_mean;

/// The settings of a cluster as its recipe sees them.
pub(crate) struct Resolved {
    /// Settings with the schema's defaults filled in, secrets excepted.
    pub(crate) settings: BTreeMap<String, Value>,
    /// The secrets that have a value.
    pub(crate) secrets: BTreeSet<String>,
    /// What does not fit.
    pub(crate) problems: Problems,
    /// Settings that a problem is about: a rule has nothing to add.
    pub(crate) faulty: BTreeSet<String>,
}

/// Every secret of the cluster by the recipe's name, also one that stands among the settings where
/// the recipe says that it must not be seen.
pub fn secret_values(cluster: &Cluster, line: Option<&SettingsLine>) -> BTreeMap<String, Secret> {
    let mut secrets: BTreeMap<String, Secret> = cluster
        .secrets
        .iter()
        .map(|(name, secret)| (name.clone(), secret.value.clone()))
        .collect();
    for name in line.into_iter().flat_map(|line| line.secrets.keys()) {
        if let Some(setting) = cluster.settings.get(name) {
            let text = match &setting.value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            secrets.entry(name.clone()).or_insert(Secret::new(text));
        }
    }
    secrets
}

/// Checks the settings and fills in defaults. No line: the recipe knows no settings.
pub(crate) fn resolve(cluster: &Cluster, line: Option<&SettingsLine>, recipe: &str) -> Resolved {
    let mut check = Check {
        cluster,
        line,
        problems: Problems::new(),
        faulty: BTreeSet::new(),
    };
    check.unknown_names(recipe);
    let instance = check.instance();
    if let Some(line) = line {
        check.against_schema(line, &Value::Object(instance.clone()));
    }
    let is_secret = |name: &String| check.is_secret(name);
    let (secrets, settings): (Vec<_>, Vec<_>) =
        instance.into_iter().partition(|(name, _)| is_secret(name));
    Resolved {
        settings: settings.into_iter().collect(),
        secrets: secrets.into_iter().map(|(name, _)| name).collect(),
        problems: check.problems,
        faulty: check.faulty,
    }
}

struct Check<'a> {
    cluster: &'a Cluster,
    line: Option<&'a SettingsLine>,
    problems: Problems,
    faulty: BTreeSet<String>,
}

impl Check<'_> {
    fn is_secret(&self, name: &str) -> bool {
        self.cluster.secrets.contains_key(name)
            || self
                .line
                .is_some_and(|line| line.secrets.contains_key(name))
    }

    fn property(&self, name: &str) -> Option<&Value> {
        let mut properties = self.line?.properties();
        properties.find_map(|(known, schema)| (known == name).then_some(schema))
    }

    fn unknown_names(&mut self, recipe: &str) {
        let known: Vec<&str> = self
            .line
            .into_iter()
            .flat_map(SettingsLine::properties)
            .map(|(name, _)| name)
            .collect();
        let settings = self
            .cluster
            .settings
            .iter()
            .map(|(name, at)| (name, at.span));
        let secrets = self
            .cluster
            .secrets
            .iter()
            .map(|(name, at)| (name, at.span));
        for (name, span) in settings.chain(secrets) {
            if known.contains(&name.as_str()) {
                continue;
            }
            if self.problems.is_full() {
                let unknown = || Problem::error("settings::unknown", "");
                self.problems.push_error(unknown);
                continue;
            }
            let problem = Problem::error(
                "settings::unknown",
                match looks_like_a_name(name) {
                    true => format!("the recipe `{recipe}` has no setting `{name}`"),
                    // It may be a secret that lost its quotes or its colon.
                    false => format!("the recipe `{recipe}` has no such setting"),
                },
            )
            .at(
                &self.cluster.source,
                *self.cluster.setting_names.get(name).unwrap_or(&span),
                "unknown setting",
            );
            self.problems
                .push(match did_you_mean(name, known.iter().copied()) {
                    Some(close) => problem.help(format!("did you mean `{close}`?")),
                    None if known.is_empty() => problem.help("it has no settings at all"),
                    None => problem.help(format!("its settings are `{}`", known.join("`, `"))),
                });
        }
    }

    /// Every setting that the recipe knows, secrets included, with the defaults of the others.
    fn instance(&self) -> Map<String, Value> {
        let mut instance: Map<String, Value> = self
            .cluster
            .settings
            .iter()
            .map(|(name, setting)| (name.clone(), setting.value.clone()))
            .filter(|(name, _)| self.property(name).is_some())
            .collect();
        for (name, secret) in &self.cluster.secrets {
            if self.property(name).is_some() {
                instance.insert(name.clone(), Value::from(secret.value.reveal()));
            }
        }
        if let Some(line) = self.line {
            fill_defaults(&line.schema, &mut instance);
        }
        instance
    }

    fn against_schema(&mut self, line: &SettingsLine, instance: &Value) {
        let Ok(validator) = validator(&line.schema) else {
            // The recipe's reader has refused such a schema.
            return;
        };
        for error in validator.iter_errors(instance) {
            self.tell(line, &error);
        }
        for (name, value) in instance.as_object().into_iter().flatten() {
            if holds_nul(value) {
                let problem = Problem::error(
                    "settings::nul",
                    format!("`{name}` holds a NUL character, which no script can be given"),
                );
                self.push(problem, name, &format!("/{name}"), "a NUL in here");
            }
        }
    }

    fn tell(&mut self, line: &SettingsLine, error: &ValidationError<'_>) {
        let pointer = error.instance_path().to_string();
        let root = pointer.is_empty();
        match error.kind() {
            // Said by `unknown_names`, with the setting that was likely meant.
            ValidationErrorKind::AdditionalProperties { .. }
            | ValidationErrorKind::UnevaluatedProperties { .. }
                if root => {}
            ValidationErrorKind::Required { property } if root => {
                let name = property.as_str().unwrap_or_default();
                let mut help = match self.is_secret(name) {
                    true => format!("give the secret `{name}`"),
                    false => format!("write `{name}: ...` under `settings`"),
                };
                if let Some(about) = wording::about(self.property(name)) {
                    help = format!("{help}: {about}");
                }
                let problem = Problem::error(
                    "settings::missing",
                    format!("the setting `{name}` is missing"),
                );
                self.faulty.insert(name.to_owned());
                self.problems
                    .push(problem.in_file(&self.cluster.source).help(help));
            }
            _ => {
                let name = wording::top(&pointer);
                let hidden =
                    self.is_secret(&name) || !self.shows(&name, &pointer, error.instance());
                let said = wording::sentence(error, &pointer, hidden, &line.schema);
                let mut problem = Problem::error("settings::value", said.message);
                let about = wording::about_near(&line.schema, error.schema_path().as_str())
                    .or_else(|| wording::about(self.property(&name)));
                problem = match said.help.or(about) {
                    Some(help) => problem.help(help),
                    None => problem,
                };
                self.push(problem, &name, &pointer, &said.label);
            }
        }
    }

    /// Tells a problem at the setting, as near to the value as the file's places go.
    fn push(&mut self, problem: Problem, name: &str, pointer: &str, label: &str) {
        self.faulty.insert(name.to_owned());
        let problem = match self.place(name, pointer) {
            Some(span) => problem.at(&self.cluster.source, span, label),
            None => problem.in_file(&self.cluster.source),
        };
        self.problems.push(problem);
    }

    /// Whether a value can be seen in the file as it is shown, so that it may be repeated in words.
    fn shows(&self, name: &str, pointer: &str, value: &Value) -> bool {
        let place = self.place(name, pointer);
        place.is_none_or(|span| is_shown(self.cluster.source.slice(span), value))
    }

    fn place(&self, name: &str, pointer: &str) -> Option<Span> {
        if let Some(secret) = self.cluster.secrets.get(name) {
            return Some(secret.span);
        }
        let mut pointer = pointer;
        while pointer.matches('/').count() > 1 {
            if let Some(span) = self.cluster.setting_places.get(pointer) {
                return Some(*span);
            }
            pointer = pointer.rfind('/').and_then(|slash| pointer.get(..slash))?;
        }
        self.cluster
            .setting_places
            .get(pointer)
            .copied()
            .or_else(|| self.cluster.settings.get(name).map(|setting| setting.span))
    }
}

/// Gives every property that is missing its schema's `default`, in mappings inside mappings too.
fn fill_defaults(schema: &Value, instance: &mut Map<String, Value>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        if !instance.contains_key(name)
            && let Some(default) = property.get("default")
        {
            instance.insert(name.clone(), default.clone());
        }
        if let Some(Value::Object(inner)) = instance.get_mut(name) {
            fill_defaults(property, inner);
        }
    }
}

/// Whether a value stands in a text from which all is blanked out that must not be seen.
pub(crate) fn is_shown(text: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => !text.contains('*'),
        Value::String(value) => text.contains(value),
        Value::Array(items) => items.iter().all(|item| is_shown(text, item)),
        Value::Object(entries) => entries
            .iter()
            .all(|(key, value)| text.contains(key) && is_shown(text, value)),
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}
