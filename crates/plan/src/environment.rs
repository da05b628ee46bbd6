//! What a host's scripts are given: environment, secrets, conditions and rendered files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::address::without_zone;
use crate::expression::ExpressionError;
use crate::plan::{Facts, Plan};
use crate::secret::Secret;
use crate::stage_parts::{PutSource, PutStep};
use crate::values::At;
use crate::variables::{secret_variable, variable_name};

/// A file of a `put`, ready to be brought to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedPut {
    /// Absolute path on the host.
    pub path: String,
    /// Its content.
    pub content: RenderedContent,
    /// Permission bits.
    pub mode: u32,
    /// `user` or `user:group`; root where not given.
    pub owner: Option<String>,
}

/// What a file that is ready holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderedContent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the file at this path of this machine holds.
    Local(PathBuf),
}

impl RenderedContent {
    /// The bytes as text, where they are here and are one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Local(_) => None,
        }
    }
}

/// A setting as a script sees it. Texts and numbers stand as they are, a list of them with a space
/// between two; a mapping, and a list that holds one or an item with a blank in it, is JSON.
pub fn setting_text(value: &Value) -> String {
    fn scalar(value: &Value) -> Option<String> {
        match value {
            Value::Null => Some(String::new()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(value) => Some(value.to_string()),
            Value::String(value) => Some(value.clone()),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
    fn word(value: &Value) -> Option<String> {
        scalar(value).filter(|text| !text.is_empty() && !text.contains(char::is_whitespace))
    }
    let words = |items: &Vec<Value>| items.iter().map(word).collect::<Option<Vec<_>>>();
    match value {
        Value::Array(items) => match words(items) {
            Some(words) => words.join(" "),
            None => value.to_string(),
        },
        _ => scalar(value).unwrap_or_else(|| value.to_string()),
    }
}

/// The content of the file that `PX_SECRETS` names: one `PX_SECRET_NAME='value'` for each secret, to
/// be sourced by sh.
pub fn secrets_file(secrets: &BTreeMap<String, Secret>) -> String {
    let mut file = String::new();
    for (name, secret) in secrets {
        // No shell variable can hold a NUL. Writing to a String cannot fail.
        let value = secret.reveal().replace('\0', "").replace('\'', r"'\''");
        let _ = writeln!(file, "{}='{value}'", secret_variable(name));
    }
    file
}

/// The part of the environment that is the same for every host and stage.
pub(crate) fn common(plan: &Plan) -> Vec<(String, String)> {
    let mut environment = vec![
        ("PX_CLUSTER".to_owned(), plan.cluster.clone()),
        ("PX_RECIPE".to_owned(), plan.recipe.clone()),
        (
            "PX_RELEASE".to_owned(),
            plan.release.clone().unwrap_or_default(),
        ),
        ("PX_FLOW".to_owned(), plan.flow.clone()),
        (
            "PX_REPAIR".to_owned(),
            if plan.repair { "yes" } else { "" }.to_owned(),
        ),
    ];
    let left_out: Vec<&str> = plan.left_out().map(|host| host.name.as_str()).collect();
    environment.push(("PX_LEFT_OUT".to_owned(), left_out.join(" ")));
    for (name, value) in &plan.release_values {
        environment.push((format!("PX_RELEASE_{}", variable_name(name)), value.clone()));
    }
    for (name, value) in &plan.settings {
        let name = format!("PX_SETTING_{}", variable_name(name));
        environment.push((name, setting_text(value)));
    }
    for role in &plan.roles {
        let hosts = || plan.roster.iter().filter(|host| host.role == *role);
        let names: Vec<&str> = hosts().map(|host| host.name.as_str()).collect();
        let addresses: Vec<&str> = hosts()
            .map(|host| host.private_address.as_ref().unwrap_or(&host.address))
            .map(|address| without_zone(address))
            .collect();
        let role = variable_name(role.as_str());
        environment.push((format!("PX_HOSTS_{role}"), names.join(" ")));
        environment.push((format!("PX_ADDRESSES_{role}"), addresses.join(" ")));
    }
    environment
}

impl Plan {
    /// The environment of a script on a host: `run` is the run's id, no `stage` is the facts script.
    /// Empty for a host that the plan doesn't have.
    pub fn environment(
        &self,
        host: usize,
        stage: Option<usize>,
        facts: &Facts,
        run: &str,
    ) -> Vec<(String, String)> {
        let Some(host) = self.hosts.get(host) else {
            return Vec::new();
        };
        let mut environment = self.cache.of(self).environment.clone();
        let private = host.private_address.as_ref().unwrap_or(&host.address);
        environment.extend(
            [
                ("PX_RUN", run),
                ("PX_HOST", host.name.as_str()),
                ("PX_ROLE", host.role.as_str()),
                ("PX_ADDRESS", without_zone(&host.address)),
                ("PX_PRIVATE_ADDRESS", without_zone(private)),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        if let Some(stage) = stage.and_then(|stage| self.stages.get(stage)) {
            environment.push(("PX_STAGE".to_owned(), stage.id.to_string()));
        }
        for (name, value) in facts {
            let name = format!("PX_FACT_{}", variable_name(name));
            environment.push((name, value.replace('\0', "")));
        }
        environment
    }

    /// The facts that a stage's script is given of all hosts, each with the name of the variable that
    /// holds [`Plan::facts_of_all`] where it is short.
    pub fn all_facts(&self, stage: usize) -> impl Iterator<Item = (&str, String)> {
        let names = self.stages.get(stage).map(|stage| &stage.all_facts);
        names
            .into_iter()
            .flatten()
            .map(|fact| (fact.as_str(), format!("PX_FACTS_{}", variable_name(fact))))
    }

    /// What a script is given of all hosts' values of a fact: lines of a host's name and its value. `told` is by
    /// place in [`Plan::roster`].
    pub fn facts_of_all(&self, told: &BTreeMap<usize, String>) -> String {
        let mut lines = String::new();
        for (host, value) in told {
            if let Some(host) = self.roster.get(*host) {
                let value = value.replace(['\0', '\n'], " ");
                // Writing to a String cannot fail.
                let _ = writeln!(lines, "{} {value}", host.name);
            }
        }
        lines
    }

    /// Whether the stage is to run on the host, by its `when` and the host's facts.
    ///
    /// # Errors
    /// A fact that it needs was not told, or is of another kind than declared, or the condition has
    /// no truth value.
    pub fn condition(
        &self,
        stage: usize,
        host: usize,
        facts: &Facts,
    ) -> Result<bool, ExpressionError> {
        let prepared = self.cache.of(self);
        let at = self.at(stage, host)?;
        prepared.compiled.decide(&prepared.shared, at, facts)
    }

    /// Whether the stage's `when` can only be decided once the host has told its facts.
    pub fn condition_needs_facts(&self, stage: usize) -> bool {
        let prepared = self.cache.of(self);
        prepared
            .compiled
            .condition_uses(stage)
            .is_some_and(|uses| self.uses_facts(uses))
    }

    /// What is known of the stage's `when` on the host before it has told its facts: `None` is
    /// "decided on the host".
    pub fn condition_now(&self, stage: usize, host: usize) -> Option<bool> {
        if self.condition_needs_facts(stage) {
            return None;
        }
        self.condition(stage, host, &Facts::new()).ok()
    }

    /// A file of one of the plan's stages as it is to be on the host.
    ///
    /// # Errors
    /// As [`Plan::condition`]; and where the path comes out as no absolute one.
    pub fn render_put(
        &self,
        put: &PutStep,
        host: usize,
        facts: &Facts,
    ) -> Result<RenderedPut, ExpressionError> {
        let prepared = self.cache.of(self);
        let stage = self
            .stages
            .iter()
            .position(|stage| stage.put.contains(put))
            .ok_or_else(|| ExpressionError::Unknown(format!("file for `{}`", put.path)))?;
        let at = self.at(stage, host)?;
        let render = |what: &str, text: &str| {
            prepared
                .compiled
                .render(&prepared.shared, at, what, text, facts)
        };
        let text = |source: &str| {
            self.files
                .get(source)
                .ok_or_else(|| ExpressionError::Unknown(format!("file `{source}`")))
        };
        let (source, content) = match &put.source {
            PutSource::File(source) => {
                let bytes = text(source)?.clone().into_bytes();
                (source, RenderedContent::Bytes(bytes))
            }
            PutSource::Template(source) => {
                let rendered = render(&format!("the template `{source}`"), text(source)?)
                    .map_err(|error| error.in_template(source))?;
                (source, RenderedContent::Bytes(rendered.into_bytes()))
            }
            PutSource::Upload(setting) => {
                let path = self.settings.get(setting).map(setting_text);
                let path = path.ok_or_else(|| {
                    ExpressionError::Unknown(format!("value of the setting `{setting}`"))
                })?;
                (setting, RenderedContent::Local(path.into()))
            }
        };
        let what = format!("the path of `{source}`");
        let path = render(&what, &put.path)?;
        if !path.starts_with('/') || path.contains(['\0', '\n']) {
            return Err(ExpressionError::Failed {
                stage: at.stage.clone(),
                what,
                reason: format!("`{}` is no absolute path", path.escape_debug()),
                template: None,
            });
        }
        Ok(RenderedPut {
            path,
            content,
            mode: put.mode,
            owner: put.owner.clone(),
        })
    }

    /// Whether the file can only be rendered once the host has told its facts.
    pub fn put_needs_facts(&self, put: &PutStep) -> bool {
        let compiled = &self.cache.of(self).compiled;
        let content = match &put.source {
            PutSource::Template(path) => self.files.get(path),
            PutSource::File(_) | PutSource::Upload(_) => None,
        };
        content
            .into_iter()
            .chain([&put.path])
            .filter_map(|text| compiled.template_uses(text))
            .any(|uses| self.uses_facts(uses))
    }

    fn uses_facts(&self, uses: &crate::expression::Uses) -> bool {
        self.fact_kinds.keys().any(|fact| uses.has(fact))
    }

    fn at(&self, stage: usize, host: usize) -> Result<At<'_>, ExpressionError> {
        let unknown = |what: &str, index: usize| {
            ExpressionError::Unknown(format!("{what} number {}", index.saturating_add(1)))
        };
        let stage_of_plan = self
            .stages
            .get(stage)
            .ok_or_else(|| unknown("stage", stage))?;
        let host = self.hosts.get(host).ok_or_else(|| unknown("host", host))?;
        Ok(At {
            stage: &stage_of_plan.id,
            stage_index: stage,
            host: &host.name,
            role: host.role.as_str(),
        })
    }
}

#[cfg(test)]
mod tests;
