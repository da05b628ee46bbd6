//! What a host's scripts are given: environment, secrets, conditions and rendered files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::address::without_zone;
use crate::common_environment::setting_text;
use crate::expression::ExpressionError;
use crate::ix::{HostIx, StageIx};
use crate::plan::Facts;
use crate::prepared::PreparedPlan;
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

impl PreparedPlan {
    /// The environment of a script on a host: `run` is the run's id, no `stage` is the facts script.
    pub fn environment(
        &self,
        host: HostIx,
        stage: Option<StageIx>,
        facts: &Facts,
        run: &str,
    ) -> Vec<(String, String)> {
        let host = self.host(host);
        let mut environment = self.environment.clone();
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
        if let Some(stage) = stage {
            let stage = self.stage(stage).id.to_string();
            environment.push(("PX_STAGE".to_owned(), stage));
        }
        for (name, value) in facts {
            let name = format!("PX_FACT_{}", variable_name(name));
            environment.push((name, value.replace('\0', "")));
        }
        environment
    }

    /// The facts that a stage's script is given of all hosts, each with the name of the variable that
    /// holds [`PreparedPlan::facts_of_all`] where it is short.
    pub fn all_facts(&self, stage: StageIx) -> impl Iterator<Item = (&str, String)> {
        let names = self.stage(stage).all_facts.iter();
        names.map(|fact| (fact.as_str(), format!("PX_FACTS_{}", variable_name(fact))))
    }

    /// What a script is given of all hosts' values of a fact: lines of a host's name and its value. `told` is by
    /// place in [`PlanData::roster`](crate::plan::PlanData).
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
        stage: StageIx,
        host: HostIx,
        facts: &Facts,
    ) -> Result<bool, ExpressionError> {
        self.compiled
            .decide(&self.shared, self.at(stage, host), facts)
    }

    /// Whether the stage's `when` can only be decided once the host has told its facts.
    pub fn condition_needs_facts(&self, stage: StageIx) -> bool {
        let uses = self.compiled.condition_uses(stage);
        uses.is_some_and(|uses| self.uses_facts(uses))
    }

    /// What is known of the stage's `when` on the host before it has told its facts: `None` is
    /// "decided on the host".
    pub fn condition_now(&self, stage: StageIx, host: HostIx) -> Option<bool> {
        if self.condition_needs_facts(stage) {
            return None;
        }
        self.condition(stage, host, &Facts::new()).ok()
    }

    /// A file of one of the plan's stages as it is to be on the host.
    ///
    /// # Errors
    /// As [`PreparedPlan::condition`]; and where the path comes out as no absolute one.
    pub fn render_put(
        &self,
        put: &PutStep,
        host: HostIx,
        facts: &Facts,
    ) -> Result<RenderedPut, ExpressionError> {
        let stage = self
            .stage_ixs()
            .find(|stage| self.stage(*stage).put.contains(put))
            .ok_or_else(|| ExpressionError::Unknown(format!("file for `{}`", put.path)))?;
        let at = self.at(stage, host);
        let render =
            |what: &str, text: &str| self.compiled.render(&self.shared, at, what, text, facts);
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
        let content = match &put.source {
            PutSource::Template(path) => self.files.get(path),
            PutSource::File(_) | PutSource::Upload(_) => None,
        };
        content
            .into_iter()
            .chain([&put.path])
            .filter_map(|text| self.compiled.template_uses(text))
            .any(|uses| self.uses_facts(uses))
    }

    fn uses_facts(&self, uses: &crate::expression::Uses) -> bool {
        self.fact_kinds.keys().any(|fact| uses.has(fact))
    }

    fn at(&self, stage: StageIx, host: HostIx) -> At<'_> {
        let host = self.host(host);
        At {
            stage: &self.stage(stage).id,
            place: stage,
            host: &host.name,
            role: host.role.as_str(),
        }
    }
}

#[cfg(test)]
mod tests;
