//! Reading flows and their stages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::foreign;
use super::reader::{check_file, unknown};
use super::unread::Unread;
use super::{Flow, RecipeFiles, Role, SettingsLine, Stage};
use crate::cluster::Spanned;
use crate::ids::{RoleName, StageId, is_plain_name};
use crate::plan::{Action, FactKind, Gate};
use crate::problem::Problem;
use crate::source::Span;
use crate::suggest::did_you_mean;
use crate::yaml::{Fields, Key, Kind, Node, Reader};

const STAGE_FIELDS: [&str; 13] = [
    "id",
    "on",
    "after",
    "when",
    "put",
    "run",
    "reboot",
    "until",
    "within",
    "at_once",
    "stop_after",
    "retries",
    "all_facts",
];
/// Flows that change nothing, by their name.
const READING_FLOWS: [&str; 2] = ["check", "verify"];

pub(super) struct FlowReader<'r, 'a> {
    pub(super) yaml: &'r mut Reader<'a>,
    pub(super) files: &'r RecipeFiles,
    pub(super) roles: &'r [Role],
    pub(super) groups: &'r BTreeMap<String, BTreeSet<RoleName>>,
    pub(super) facts: &'r BTreeMap<String, FactKind>,
    pub(super) settings: &'r [SettingsLine],
    pub(super) unread: &'r mut Unread,
}

/// What a stage may wait for.
#[derive(Clone, Copy)]
struct Surroundings<'s> {
    /// The stages above it, as far as they could be read.
    above: &'s [Stage],
    /// The names of those above that could not be.
    unread: &'s [&'s str],
    /// The names of this one and of those below.
    below: &'s [&'s str],
}

impl FlowReader<'_, '_> {
    pub(super) fn flows(&mut self, root: &Node, fields: Fields<'_>) -> Vec<Flow> {
        let node = fields.get("flows");
        let lists = |node: &Node| {
            let flows = node.as_map().unwrap_or_default().iter();
            node.as_map().is_some() && flows.clone().all(|(_, flow)| flow.as_list().is_some())
        };
        self.unread.flows = node.is_none_or(|node| !lists(node));
        let Some(node) = node else {
            self.yaml.missing(
                root,
                "a recipe",
                "flows",
                "say what there is to do: `flows: { install: [...] }`",
            );
            return Vec::new();
        };
        let Some(entries) = self.yaml.map(node, "`flows`") else {
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|(key, node)| self.flow(key, node))
            .collect()
    }

    fn flow(&mut self, key: &Key, node: &Node) -> Option<Flow> {
        self.check_name(&key.text, key.span, "a flow");
        let what = format!("the flow `{}`", key.text.escape_debug());
        let items = self.yaml.list(node, &what)?;
        if items.is_empty() {
            self.yaml.error(
                "recipe::empty-flow",
                key.span,
                format!("{what} has no stage"),
                "nothing to do",
                "write a stage, such as `- { id: check, on: all, run: scripts/check.sh }`",
            );
        }
        let ids: Vec<Option<Spanned<String>>> = items.iter().map(|item| self.id(item)).collect();
        let mut stages: Vec<Stage> = Vec::new();
        let mut unread: Vec<&str> = Vec::new();
        for (at, (item, id)) in items.iter().zip(&ids).enumerate() {
            let below: Vec<&str> = ids
                .iter()
                .skip(at)
                .flatten()
                .map(|id| id.value.as_str())
                .collect();
            let around = Surroundings {
                above: &stages,
                unread: &unread,
                below: &below,
            };
            let Some(stage) = self.stage(item, id.as_ref(), around) else {
                // One without a name may have any.
                self.unread.flows |= id.is_none();
                if let Some(id) = id {
                    unread.push(&id.value);
                    self.unread.stages.insert(id.value.clone());
                }
                continue;
            };
            if let Some(first) = stages.iter().find(|above| above.id.value == stage.id.value) {
                // The line says it shortly: between the two may be many.
                let (line, _) = self.yaml.source.line_column(first.id.span.start);
                let problem = Problem::error(
                    "recipe::duplicate-stage",
                    format!(
                        "there are two stages `{}` in {what}: the first is in line {line}",
                        stage.id.value
                    ),
                )
                .at(self.yaml.source, stage.id.span, "again here")
                .help("give each stage a name of its own");
                self.yaml.problems.push(problem);
                continue;
            }
            stages.push(stage);
        }
        if READING_FLOWS.contains(&key.text.as_str()) {
            self.check_reading(&key.text, &stages);
        }
        Some(Flow {
            name: Spanned {
                value: key.text.clone(),
                span: key.span,
            },
            stages,
        })
    }

    fn check_name(&mut self, name: &str, span: Span, what: &str) -> bool {
        let plain = is_plain_name(name);
        if !plain {
            self.yaml.error(
                "recipe::name",
                span,
                format!("`{}` can't be the name of {what}", name.escape_debug()),
                "not a plain name",
                "use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64",
            );
        }
        plain
    }

    /// A stage's name, looked at before the stages are read: `after` wants to tell "below" from
    /// "nowhere". What is wrong with it is said when its stage is read.
    fn id(&self, item: &Node) -> Option<Spanned<String>> {
        // One that is named as elsewhere is not without a name.
        let node = item.get("id").or_else(|| item.get("name"))?;
        Some(Spanned {
            value: node.as_text(self.yaml.source)?.to_owned(),
            span: node.span,
        })
    }

    fn stage(
        &mut self,
        item: &Node,
        id: Option<&Spanned<String>>,
        around: Surroundings<'_>,
    ) -> Option<Stage> {
        let what = match id {
            Some(id) => format!("the stage `{}`", id.value.escape_debug()),
            None => "a stage".to_owned(),
        };
        let fields = self
            .yaml
            .fields_or(item, &what, &STAGE_FIELDS, foreign::of_a_stage)?;
        if fields.get("id").is_none() && !foreign::stands_for(item, "id") {
            self.yaml
                .missing(item, "a stage", "id", "give it a name: `id: prepare`");
        }
        let roles = match fields.get("on") {
            Some(node) => self.on(node),
            None if foreign::stands_for(item, "on") => BTreeSet::new(),
            None => {
                self.yaml
                    .missing(item, &what, "on", "say which hosts: `on: all`, or a role");
                BTreeSet::new()
            }
        };
        let after = fields
            .get("after")
            .and_then(|node| self.after(node, &roles, around));
        let when = fields.get("when").and_then(|node| match node.kind {
            // `when: true` is no expression that anybody means.
            Kind::Text(_) => self.yaml.text(node, "`when`"),
            _ => {
                self.yaml
                    .expected(node, "`when`", "a condition, such as `reboot_needed`");
                None
            }
        });
        let (put, put_paths) = fields
            .get("put")
            .map(|node| self.put(node))
            .unwrap_or_default();
        let within = fields
            .get("within")
            .and_then(|node| self.duration(node, "`within`"));
        let (action, reboot_within) = self.action(item, &what, fields)?;
        if let (Some((key, _)), Some(_)) = (fields.entry("within"), reboot_within) {
            self.yaml.error(
                "recipe::two-limits",
                key.span,
                format!("{what} says twice how long it may take"),
                "once here, once in `reboot`",
                "keep the one in `reboot`",
            );
        }
        let at_once = fields
            .get("at_once")
            .and_then(|node| self.yaml.int(node, "`at_once`", 1..=100_000))
            .and_then(|limit| usize::try_from(limit).ok());
        let stop_after = self.stop_after(&what, fields, &roles, at_once);
        let retries = fields
            .get("retries")
            .and_then(|node| self.yaml.int(node, "`retries`", 0..=100))
            .and_then(|retries| u32::try_from(retries).ok())
            .unwrap_or(0);
        let all_facts = self.all_facts(&what, fields, &action);
        let id = id.filter(|_| fields.get("id").is_some())?;
        if !self.check_name(&id.value, id.span, "a stage") {
            return None;
        }
        Some(Stage {
            id: Spanned {
                value: StageId::new(id.value.as_str()),
                span: id.span,
            },
            roles,
            after,
            when,
            put,
            put_paths,
            action,
            within: within.or(reboot_within),
            at_once,
            stop_after,
            retries,
            all_facts,
        })
    }

    /// The facts of all hosts that the stage's script is given.
    fn all_facts(&mut self, what: &str, fields: Fields<'_>, action: &Action) -> BTreeSet<String> {
        let Some((key, node)) = fields.entry("all_facts") else {
            return BTreeSet::new();
        };
        if !matches!(action, Action::Run(_) | Action::Until(_)) {
            self.yaml.error(
                "recipe::no-script",
                key.span,
                format!("{what} has no script that could be given facts"),
                "nobody reads them",
                "remove it, or give the stage a `run` or an `until`",
            );
        }
        let names = self.yaml.texts(node, "`all_facts`").unwrap_or_default();
        let mut facts = BTreeSet::new();
        for name in names {
            if self.facts.contains_key(&name.value) || self.unread.facts {
                facts.insert(name.value);
                continue;
            }
            let known = || self.facts.keys().map(String::as_str);
            let problem = unknown(self.yaml.source, &name, "fact", known());
            // The scripts are read as if the right name stood here: nothing more is wrong with them.
            facts.extend(did_you_mean(&name.value, known()).map(str::to_owned));
            self.yaml.problems.push(problem);
        }
        facts
    }

    fn on(&mut self, node: &Node) -> BTreeSet<RoleName> {
        let mut roles = BTreeSet::new();
        for name in self.yaml.texts(node, "`on`").unwrap_or_default() {
            if let Some(members) = self.groups.get(&name.value) {
                roles.extend(members.iter().cloned());
            } else if let Some(role) = self
                .roles
                .iter()
                .find(|role| role.name.as_str() == name.value)
            {
                roles.insert(role.name.clone());
            } else if !self.unread.roles {
                let known = self
                    .roles
                    .iter()
                    .map(|role| role.name.as_str())
                    .chain(self.groups.keys().map(String::as_str));
                let problem = unknown(self.yaml.source, &name, "role or group", known);
                self.yaml.problems.push(problem);
            }
        }
        roles
    }

    fn after(
        &mut self,
        node: &Node,
        roles: &BTreeSet<RoleName>,
        around: Surroundings<'_>,
    ) -> Option<Vec<Gate>> {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut gates = Vec::new();
        let mut own = Vec::new();
        let mut complete = true;
        for item in items {
            let all = match &item.kind {
                Kind::Map(entries) => {
                    let fields = self
                        .yaml
                        .fields_or(item, "a gate", &["all"], foreign::of_a_gate);
                    let Some(named) = fields.and_then(|fields| fields.get("all")) else {
                        complete = false;
                        // Any other key was told.
                        if entries.iter().all(|(key, _)| key.text == "all") {
                            self.yaml.expected(item, "a gate", GATE);
                        }
                        continue;
                    };
                    Some(named)
                }
                Kind::List(_) | Kind::Null => {
                    complete = false;
                    self.yaml.expected(item, "a gate", GATE);
                    continue;
                }
                _ => None,
            };
            let Some(name) = self.yaml.text(all.unwrap_or(item), "a gate's stage") else {
                continue;
            };
            let mut above = around.above.iter();
            let Some(stage) = above.find(|stage| stage.id.value.as_str() == name.value) else {
                complete = false;
                self.not_above(&name, around);
                continue;
            };
            let gate = match all {
                Some(_) => Gate::All(stage.id.value.clone()),
                None => Gate::Own(stage.id.value.clone()),
            };
            if all.is_none() {
                own.push((name.span, stage));
            }
            if !gates.contains(&gate) {
                gates.push(gate);
            }
        }
        self.unread.gates |= !complete;
        let only_own = gates.iter().all(|gate| matches!(gate, Gate::Own(_)));
        if let (true, Some((span, _))) = (only_own && complete, own.first()) {
            self.check_own_gates(*span, roles, &own);
        }
        Some(gates)
    }

    /// Hosts that take part in none of the stages that they are to wait for wait for nothing.
    fn check_own_gates(&mut self, span: Span, roles: &BTreeSet<RoleName>, own: &[(Span, &Stage)]) {
        let idle: Vec<&str> = roles
            .iter()
            .filter(|role| own.iter().all(|(_, stage)| !stage.roles.contains(*role)))
            .map(RoleName::as_str)
            .collect();
        if idle.is_empty() {
            return;
        }
        let problem = Problem::warning(
            "recipe::empty-gate",
            format!(
                "nothing is waited for on the hosts of `{}`: they take no part in what is named",
                idle.join("`, `")
            ),
        )
        .at(self.yaml.source, span, "not on these hosts")
        .help("name a stage that they take part in, or wait for other hosts with `{all: NAME}`");
        self.yaml.problems.push(problem);
    }

    fn not_above(&mut self, name: &Spanned<String>, around: Surroundings<'_>) {
        if around.unread.contains(&name.value.as_str()) {
            // It is there, and what is wrong with it was told.
            return;
        }
        if around.below.contains(&name.value.as_str()) {
            let own = around.below.first() == Some(&name.value.as_str());
            self.yaml.error(
                "recipe::after-below",
                name.span,
                match own {
                    true => "a stage can't wait for itself".to_owned(),
                    false => format!("`{}` stands below this stage", name.value),
                },
                "not above",
                "`after` may only name stages above: so nothing waits in a circle",
            );
            return;
        }
        let above = around.above.iter();
        let known = above
            .map(|stage| stage.id.value.as_str())
            .chain(around.unread.iter().copied());
        let problem = unknown(self.yaml.source, name, "stage", known);
        self.yaml.problems.push(problem);
    }

    pub(super) fn file(&mut self, node: &Node, what: &str, kind: &str) -> Option<String> {
        let path = self.yaml.text(node, what)?;
        check_file(
            self.files,
            self.yaml.source,
            &path,
            kind,
            &mut self.yaml.problems,
        )
        .then_some(path.value)
    }

    fn action(
        &mut self,
        item: &Node,
        what: &str,
        fields: Fields<'_>,
    ) -> Option<(Action, Option<Duration>)> {
        let given: Vec<(&Key, &Node)> = ["run", "reboot", "until"]
            .iter()
            .filter_map(|name| fields.entry(name))
            .collect();
        match given.as_slice() {
            [] if fields.get("put").is_some() => Some((Action::Put, None)),
            [] if foreign::stands_for(item, "run") => None,
            [] => {
                self.yaml.missing(
                    item,
                    what,
                    "run",
                    "say what it does with `run`, `until`, `reboot` or `put`",
                );
                None
            }
            [(key, node)] => match key.text.as_str() {
                "run" => Some((Action::Run(self.file(node, "`run`", "script")?), None)),
                "until" => Some((Action::Until(self.file(node, "`until`", "script")?), None)),
                _ => Some((Action::Reboot, self.reboot(node)?)),
            },
            [(first, _), rest @ ..] => {
                let names: Vec<&str> = given.iter().map(|(key, _)| key.text.as_str()).collect();
                let mut problem = Problem::error(
                    "recipe::two-actions",
                    format!("{what} has both `{}`", names.join("` and `")),
                )
                .at(self.yaml.source, first.span, "this");
                for (key, _) in rest {
                    problem = problem.at(self.yaml.source, key.span, "and this");
                }
                self.yaml
                    .problems
                    .push(problem.help("a stage does one thing: make two stages of it"));
                None
            }
        }
    }

    #[expect(clippy::option_option, reason = "a wrong one, and one without a limit")]
    fn reboot(&mut self, node: &Node) -> Option<Option<Duration>> {
        if node.kind == Kind::Bool(true) {
            return Some(None);
        }
        let fields = self.yaml.fields(node, "`reboot`", &["within"])?;
        match fields.get("within") {
            Some(node) => Some(Some(self.duration(node, "`within`")?)),
            None => Some(None),
        }
    }

    fn check_reading(&mut self, flow: &str, stages: &[Stage]) {
        for stage in stages {
            let does = match stage.action {
                Action::Reboot => "reboots hosts",
                _ if !stage.put.is_empty() => "brings files to hosts",
                _ => continue,
            };
            let problem = Problem::warning(
                "recipe::changing-check",
                format!("the flow `{flow}` is to change nothing, and this stage {does}"),
            )
            .at(self.yaml.source, stage.id.span, does)
            .help("move the stage to another flow");
            self.yaml.problems.push(problem);
        }
    }
}

const GATE: &str = "a stage's name, or `{all: NAME}`";
