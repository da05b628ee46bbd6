//! Reading a stage: what it does, on which hosts, and how often.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Stage;
use super::flows::{FlowReader, Surroundings};
use super::foreign;
use crate::cluster::Spanned;
use crate::ids::{RoleName, StageId};
use crate::naming::{check_plain, unknown};
use crate::problem::Problem;
use crate::stage_parts::Action;
use crate::suggest::did_you_mean;
use crate::yaml::{Fields, Key, Kind, Node};

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

impl FlowReader<'_, '_> {
    /// A stage's name, looked at before the stages are read: `after` wants to tell "below" from
    /// "nowhere". What is wrong with it is said when its stage is read.
    pub(super) fn id(&self, item: &Node) -> Option<Spanned<String>> {
        // One that is named as elsewhere is not without a name.
        let node = item.get("id").or_else(|| item.get("name"))?;
        Some(Spanned {
            value: node.as_text(self.yaml.source)?.to_owned(),
            span: node.span,
        })
    }

    pub(super) fn stage(
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
        if !check_plain(self.yaml, &id.value, id.span, "the name of a stage") {
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
                "run" => Some((
                    Action::Run(self.files.named(self.yaml, node, "`run`", "script")?),
                    None,
                )),
                "until" => Some((
                    Action::Until(self.files.named(self.yaml, node, "`until`", "script")?),
                    None,
                )),
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
}
