//! Reading `recipe.yaml`, all but its roles and flows.

use std::collections::BTreeMap;

use super::flows::FlowReader;
use super::foreign;
use super::secret_stages::check_secret_stages;
use super::unread::Unread;
use super::{RECIPE_FILE, Recipe, RecipeFiles};
use crate::cluster::Spanned;
use crate::fact_kind::FactKind;
use crate::naming::{check_plain, name_fault, unknown};
use crate::problem::{Problem, Problems};
use crate::settings::{self, SettingsLine};
use crate::source::Span;
use crate::suggest::did_you_mean;
use crate::yaml::{self, Fields, Kind, Node, Reader};

const FIELDS: [&str; 11] = [
    "name",
    "title",
    "roles",
    "groups",
    "facts",
    "settings",
    "releases",
    "default_release",
    "cluster_conf",
    "causes",
    "flows",
];

/// Reads the recipe as far as it can be read, with what could not be and everything that is wrong with it.
pub(super) fn read(files: &RecipeFiles) -> (Option<Recipe>, Unread, Problems) {
    let nothing = |problem: Problem| (None, Unread::default(), problem.into());
    let source = match files.text(RECIPE_FILE) {
        Some(Ok(source)) => source,
        Some(Err(problem)) => return nothing(problem),
        None => {
            let problem = Problem::error(
                "recipe::no-recipe",
                format!("there is no `{RECIPE_FILE}` in `{}`", files.place()),
            )
            .help("a recipe is a folder with a `recipe.yaml` in it");
            return nothing(problem);
        }
    };
    let (root, problems) = yaml::read(&source);
    let mut reader = RecipeReader {
        files,
        yaml: Reader::after(&source, problems),
        unread: Unread::default(),
    };
    let recipe = root.as_ref().and_then(|root| reader.recipe(root));
    (recipe, reader.unread, reader.yaml.problems)
}

pub(super) struct RecipeReader<'a> {
    pub(super) files: &'a RecipeFiles,
    pub(super) yaml: Reader<'a>,
    pub(super) unread: Unread,
}

impl RecipeReader<'_> {
    fn recipe(&mut self, root: &Node) -> Option<Recipe> {
        if is_playbook(root) {
            self.yaml.error(
                "yaml::type",
                Span::new(root.span.start, root.span.start + 1),
                "a recipe must be a mapping, and this looks like a playbook of Ansible",
                "a list begins here",
                "write `roles:` and `flows: { install: [...] }`; each stage has an `id`, `on: ROLE` and `run: scripts/NAME.sh`",
            );
            return None;
        }
        let fields = self
            .yaml
            .fields_or(root, "a recipe", &FIELDS, foreign::of_a_recipe)?;
        let roles = self.roles(root, fields);
        let groups = self.groups(fields, &roles);
        let (facts_script, fact_kinds) = self.facts(fields);
        let settings = self.settings(fields, &fact_kinds);
        let (releases, release_values) = self.releases(fields);
        let default_release = self.default_release(fields, &releases);
        let cluster_conf = self.cluster_conf(fields, &roles, &settings);
        let causes = self.causes(fields).unwrap_or_default();
        let mut flow_reader = FlowReader {
            yaml: &mut self.yaml,
            files: self.files,
            roles: &roles,
            groups: &groups,
            facts: &fact_kinds,
            settings: &settings,
            unread: &mut self.unread,
        };
        let flows = flow_reader.flows(root, fields);
        check_secret_stages(&settings, &flows, &self.unread, &mut self.yaml.problems);
        Some(Recipe {
            source: self.yaml.source.clone(),
            files: self.files.clone(),
            name: self.name(fields),
            title: fields
                .get("title")
                .and_then(|node| self.yaml.text(node, "`title`"))
                .map(|title| title.value),
            roles,
            groups,
            causes,
            facts_script,
            fact_kinds,
            settings,
            releases: releases.into_iter().map(|known| known.value).collect(),
            release_values,
            default_release,
            cluster_conf,
            flows,
        })
    }

    /// Whether a part is missing since its key was written wrongly, which was told.
    pub(super) fn is_misspelt(fields: Fields<'_>, key: &str) -> bool {
        let meant = |name: &str| !FIELDS.contains(&name) && did_you_mean(name, [key]).is_some();
        let mut entries = fields.node.as_map().unwrap_or_default().iter();
        fields.get(key).is_none() && entries.any(|(name, _)| meant(&name.text))
    }

    fn name(&mut self, fields: Fields<'_>) -> String {
        let Some(node) = fields.get("name") else {
            return self.files.folder_name().to_owned();
        };
        self.plain_name(node, "`name`").unwrap_or_default()
    }

    /// A text that can be a name.
    fn plain_name(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = self.yaml.text(node, what)?;
        check_plain(&mut self.yaml, &name.value, name.span, what).then_some(name.value)
    }

    fn facts(&mut self, fields: Fields<'_>) -> (Option<String>, BTreeMap<String, FactKind>) {
        let nothing = (None, BTreeMap::new());
        self.unread.facts = Self::is_misspelt(fields, "facts");
        let Some(node) = fields.get("facts") else {
            return nothing;
        };
        if matches!(node.kind, Kind::Text(_)) {
            return (
                self.files.named(&mut self.yaml, node, "`facts`", "script"),
                BTreeMap::new(),
            );
        }
        const KEYS: [&str; 2] = ["run", "names"];
        self.unread.facts = node.as_map().is_none_or(|entries| {
            let unknown = |name: &str| !KEYS.contains(&name);
            entries.iter().any(|(name, _)| unknown(&name.text))
        });
        let is_kind = |node: &Node| node.as_text(self.yaml.source).is_some();
        let facts: Vec<(String, bool)> = node
            .as_map()
            .unwrap_or_default()
            .iter()
            .map(|(name, node)| (name.text.clone(), is_kind(node)))
            .collect();
        let told = |name: &str| {
            let is_fact = facts.iter().any(|(known, kind)| known == name && *kind);
            is_fact.then(|| format!("a fact is declared under `names`: `names: {{ {name}: ... }}`"))
        };
        let Some(fields) = self.yaml.fields_or(node, "`facts`", &KEYS, told) else {
            return nothing;
        };
        let script = fields
            .get("run")
            .and_then(|node| self.files.named(&mut self.yaml, node, "`run`", "script"));
        let mut kinds = BTreeMap::new();
        let names = fields.get("names");
        self.unread.facts |= names.is_some_and(|node| node.as_map().is_none());
        let entries = names
            .and_then(|node| self.yaml.map(node, "`names`"))
            .unwrap_or_default();
        for (key, node) in entries {
            if !self.check_variable(&key.text, key.span, "a fact's name") {
                continue;
            }
            let kind = match node.as_text(self.yaml.source) {
                Some("text") => FactKind::Text,
                Some("bool") => FactKind::Bool,
                Some("number") => FactKind::Number,
                other => {
                    self.no_kind(&key.text, node, other);
                    // It is declared all the same: nobody need tell that it is not.
                    FactKind::Bool
                }
            };
            kinds.insert(key.text.clone(), kind);
        }
        (script, kinds)
    }

    /// That a fact has no such kind.
    fn no_kind(&mut self, fact: &str, node: &Node, written: Option<&str>) {
        const KINDS: [&str; 3] = ["text", "bool", "number"];
        let meant = written
            .and_then(|kind| foreign::kind_of_a_fact(kind).or_else(|| did_you_mean(kind, KINDS)));
        match meant {
            Some(meant) => self.yaml.error(
                "yaml::type",
                node.span,
                format!(
                    "the fact `{fact}` must be `text`, `bool` or `number`, found {}",
                    node.kind.describe()
                ),
                "not a kind of fact",
                format!("write `{fact}: {meant}`"),
            ),
            None => self.yaml.expected(
                node,
                &format!("the fact `{fact}`"),
                "`text`, `bool` or `number`",
            ),
        }
    }

    /// Whether an expression can name it.
    fn check_variable(&mut self, name: &str, span: Span, what: &str) -> bool {
        let fault = name_fault(name);
        if let Some((message, help)) = &fault {
            self.yaml.error(
                "recipe::name",
                span,
                format!("`{}` can't be {what}: {message}", name.escape_debug()),
                "not a name for expressions",
                *help,
            );
        }
        fault.is_none()
    }

    fn settings(
        &mut self,
        fields: Fields<'_>,
        facts: &BTreeMap<String, FactKind>,
    ) -> Vec<SettingsLine> {
        let given = fields.get("settings");
        let folder = given.and_then(|node| self.yaml.text(node, "`settings`"));
        let Some(folder) = folder else {
            self.unread.settings = given.is_some() || Self::is_misspelt(fields, "settings");
            return Vec::new();
        };
        let prefix = format!("{}/", folder.value.trim_end_matches('/'));
        let mut lines = Vec::new();
        let mut found = false;
        for path in self.files.paths() {
            let Some(file) = path.strip_prefix(&prefix) else {
                continue;
            };
            let Some(line) = file
                .strip_suffix(".yaml")
                .filter(|line| !line.contains('/'))
            else {
                continue;
            };
            found = true;
            let source = match self.files.text(path) {
                Some(Ok(source)) => source,
                Some(Err(problem)) => {
                    self.unread.settings = true;
                    self.yaml.problems.push(problem);
                    continue;
                }
                None => continue,
            };
            let (read, problems) = settings::read(&source, line, facts, self.unread.facts);
            self.yaml.problems.extend(problems);
            self.unread.settings |= read.as_ref().is_none_or(|line| !line.is_read());
            lines.extend(read);
        }
        if !found {
            self.unread.settings = true;
            self.yaml.error(
                "recipe::no-settings",
                folder.span,
                format!("there is no settings file in `{}`", folder.value),
                "no `.yaml` file below it",
                format!("write `{prefix}any.yaml`, or one for a release line: `{prefix}1.8.yaml`"),
            );
        }
        lines
    }

    fn default_release(
        &mut self,
        fields: Fields<'_>,
        releases: &[Spanned<String>],
    ) -> Option<String> {
        let release = self
            .yaml
            .text(fields.get("default_release")?, "`default_release`")?;
        let known = || releases.iter().map(|known| known.value.as_str());
        if !releases.is_empty() && !known().any(|known| known == release.value) {
            let problem = unknown(self.yaml.source, &release, "release", known());
            self.yaml.problems.push(problem);
        }
        Some(release.value)
    }
}

/// Whether the file is a list of what only Ansible knows.
fn is_playbook(root: &Node) -> bool {
    let first = root.as_list().and_then(|items| items.first());
    let has = |key: &str| first.is_some_and(|first| first.entry(key).is_some());
    ["hosts", "tasks", "roles", "import_playbook"]
        .iter()
        .any(|key| has(key))
}
