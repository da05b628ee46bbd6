//! Reading flows: what each says of itself, and its stages one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::foreign;
use super::unread::Unread;
use super::{Flow, RecipeFiles, Role, Stage};
use crate::cluster::Spanned;
use crate::fact_kind::FactKind;
use crate::flow::Changes;
use crate::ids::RoleName;
use crate::naming::check_plain;
use crate::problem::Problem;
use crate::settings::SettingsLine;
use crate::stage_parts::Action;
use crate::suggest::did_you_mean;
use crate::yaml::{Fields, Key, Node, Reader};

/// The keys of a flow that says more of itself than its stages.
const FLOW_FIELDS: [&str; 2] = ["changes", "stages"];
/// What `changes` may be.
const CHANGES: [(&str, Changes); 2] = [("nothing", Changes::Nothing), ("hosts", Changes::Hosts)];

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
pub(super) struct Surroundings<'s> {
    /// The stages above it, as far as they could be read.
    pub(super) above: &'s [Stage],
    /// The names of those above that could not be.
    pub(super) unread: &'s [&'s str],
    /// The names of this one and of those below.
    pub(super) below: &'s [&'s str],
}

impl FlowReader<'_, '_> {
    pub(super) fn flows(&mut self, root: &Node, fields: Fields<'_>) -> Vec<Flow> {
        let node = fields.get("flows");
        let is_read = |flow: &Node| stages_of(flow).is_some_and(|node| node.as_list().is_some());
        self.unread.flows = node.and_then(Node::as_map).is_none_or(|flows| {
            let mut flows = flows.iter();
            !flows.all(|(_, flow)| is_read(flow))
        });
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
        check_plain(self.yaml, &key.text, key.span, "the name of a flow");
        let what = format!("the flow `{}`", key.text.escape_debug());
        let (node, said) = match is_long(node) {
            true => self.long_form(node, &what)?,
            false => (node, None),
        };
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
        let stages = self.stages(items, &what);
        let changes = match &said {
            Some(said) => said.value,
            None => Changes::unless_said(&key.text),
        };
        if changes == Changes::Nothing {
            self.check_reading(&key.text, said.as_ref(), &stages);
        }
        Some(Flow {
            name: Spanned {
                value: key.text.clone(),
                span: key.span,
            },
            changes,
            stages,
        })
    }

    /// A flow that says more of itself: the list of its stages, and whether it changes hosts.
    fn long_form<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> Option<(&'n Node, Option<Spanned<Changes>>)> {
        let fields = self
            .yaml
            .fields_or(node, what, &FLOW_FIELDS, foreign::of_a_flow)?;
        let said = fields.get("changes").and_then(|node| self.changes(node));
        if fields.get("stages").is_none() && !foreign::stands_for_stages(node) {
            self.yaml.missing(
                node,
                what,
                "stages",
                "list what it does: `stages: [{ id: ..., on: ..., run: ... }]`",
            );
        }
        Some((fields.get("stages")?, said))
    }

    fn changes(&mut self, node: &Node) -> Option<Spanned<Changes>> {
        const EXPECTED: &str = "`nothing` or `hosts`";
        let written = node.as_text(self.yaml.source);
        let known = CHANGES
            .iter()
            .find(|(word, _)| written == Some(word))
            .map(|(_, changes)| *changes);
        if known.is_none() {
            let meant = written.and_then(|word| {
                foreign::changes(word).or_else(|| did_you_mean(word, CHANGES.map(|(word, _)| word)))
            });
            match meant {
                Some(meant) => self.yaml.error(
                    "yaml::type",
                    node.span,
                    format!(
                        "`changes` must be {EXPECTED}, found {}",
                        node.kind.describe()
                    ),
                    format!("expected {EXPECTED}"),
                    format!("write `changes: {meant}`"),
                ),
                None => self.yaml.expected(node, "`changes`", EXPECTED),
            }
        }
        Some(Spanned {
            value: known?,
            span: node.span,
        })
    }

    fn stages(&mut self, items: &[Node], what: &str) -> Vec<Stage> {
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
        stages
    }

    /// What a flow that changes nothing can't hold, however its scripts are written.
    fn check_reading(&mut self, flow: &str, said: Option<&Spanned<Changes>>, stages: &[Stage]) {
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
            .at(self.yaml.source, stage.id.span, does);
            let problem = match said {
                Some(said) => problem
                    .at(self.yaml.source, said.span, "said here")
                    .help("move the stage to another flow, or write `changes: hosts`"),
                None => problem.help("move the stage to another flow"),
            };
            self.yaml.problems.push(problem);
        }
    }
}

/// Whether a flow is written as a mapping that says more of it than its stages.
fn is_long(flow: &Node) -> bool {
    FLOW_FIELDS.iter().any(|key| flow.get(key).is_some())
}

/// The list of a flow's stages, in either form.
fn stages_of(flow: &Node) -> Option<&Node> {
    match is_long(flow) {
        true => flow.get("stages"),
        false => Some(flow),
    }
}
