//! What a recipe says, once it was read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Counts, RecipeFiles};
use crate::cause::Cause;
use crate::cluster::Spanned;
use crate::cluster_conf::ConfMapping;
use crate::expression::Names;
use crate::fact_kind::FactKind;
use crate::flow::Changes;
use crate::ids::{RoleName, StageId};
use crate::release;
use crate::settings::SettingsLine;
use crate::shown_settings::ShownSettings;
use crate::source::{SourceFile, Span};
use crate::stage_parts::{Action, Allowance, Gate, PutStep};

/// A recipe: roles, facts, settings, and flows of stages.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its `recipe.yaml`.
    pub source: SourceFile,
    /// Its files.
    pub files: RecipeFiles,
    /// Its name.
    pub name: String,
    /// What it does, in a line.
    pub title: Option<String>,
    /// What hosts can become, in the recipe's order.
    pub roles: Vec<Role>,
    /// Names for sets of roles; `all` is among them.
    pub groups: BTreeMap<String, BTreeSet<RoleName>>,
    /// What it knows of why its scripts fail; the first that fits counts.
    pub causes: Vec<Cause>,
    /// The script that reads a host's facts after connecting, by path.
    pub facts_script: Option<String>,
    /// Every fact that any script may tell.
    pub fact_kinds: BTreeMap<String, FactKind>,
    /// The settings of each release line.
    pub settings: Vec<SettingsLine>,
    /// The releases it knows; none: any.
    pub releases: Vec<String>,
    /// What it knows of each: names and texts, which scripts are given.
    pub release_values: BTreeMap<String, BTreeMap<String, String>>,
    /// The release where the cluster file names none.
    pub default_release: Option<String>,
    /// Which assignment of a `cluster.conf` means what; none where the recipe reads no such file.
    pub cluster_conf: Option<ConfMapping>,
    /// Its flows, in the recipe's order.
    pub flows: Vec<Flow>,
}

/// What a host can become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// How many hosts may have it.
    pub count: Counts,
    /// How many of them may be missing at an `all` gate.
    pub may_miss: Option<Allowance>,
    /// Where it is declared.
    pub span: Span,
}

/// A named list of stages.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: Spanned<String>,
    /// Whether it changes hosts: as it says, or by its name.
    pub changes: Changes,
    /// Its stages, from top to bottom.
    pub stages: Vec<Stage>,
}

/// A stage as the recipe writes it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name.
    pub id: Spanned<StageId>,
    /// The roles that take part.
    pub roles: BTreeSet<RoleName>,
    /// What it waits for, where the recipe says so: `all` gates and own ones as written.
    pub after: Option<Vec<Gate>>,
    /// Its condition.
    pub when: Option<Spanned<String>>,
    /// Files that are brought to the host first.
    pub put: Vec<Spanned<PutStep>>,
    /// Where each `put`'s path stands, in the same order.
    pub put_paths: Vec<Span>,
    /// What it does.
    pub action: Action,
    /// How long it may take.
    pub within: Option<Duration>,
    /// How many hosts may be in it at once.
    pub at_once: Option<usize>,
    /// After so many failed hosts no further one begins it; none: that stops nobody.
    pub stop_after: Option<usize>,
    /// How often a failed attempt is tried again.
    pub retries: u32,
    /// Facts that its script is given of every host.
    pub all_facts: BTreeSet<String>,
}

impl Flow {
    /// One that only connects: no recipe has it, and it changes nothing.
    pub(crate) fn without_stages(name: &str) -> Self {
        Self {
            name: Spanned {
                value: name.to_owned(),
                span: Span::default(),
            },
            changes: Changes::Nothing,
            stages: Vec::new(),
        }
    }
}

impl Recipe {
    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name.as_str() == name)
    }

    /// The flow of this name.
    pub fn flow(&self, name: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.name.value == name)
    }

    /// The settings for a release: those of the line with the most parts that it belongs to, else
    /// those for any.
    pub fn settings_for(&self, release: Option<&str>) -> Option<&SettingsLine> {
        let of_line = |line: &SettingsLine| match release {
            Some(release) => release::belongs_to(release, &line.line),
            None => false,
        };
        self.settings
            .iter()
            .filter(|line| of_line(line))
            .max_by_key(|line| line.line.split('.').count())
            .or_else(|| self.settings.iter().find(|line| line.line == "any"))
    }

    /// Which of its settings may be shown, whatever the release.
    pub fn shown_settings(&self) -> ShownSettings {
        ShownSettings::of(&self.settings)
    }

    /// The names that a condition or template may use where these settings hold.
    pub fn names(&self, line: Option<&SettingsLine>) -> Names {
        let mut names = Names {
            facts: self.fact_kinds.clone(),
            on_a_host: true,
            ..Names::default()
        };
        if let Some(line) = line {
            line.add_names(&mut names);
        }
        names
    }

    /// The names that may be used where any release's settings may hold.
    pub(super) fn all_names(&self) -> Names {
        let mut names = self.names(None);
        for line in &self.settings {
            line.add_names(&mut names);
        }
        names
    }
}
