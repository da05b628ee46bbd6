//! Reading what a stage waits for.

use std::collections::BTreeSet;

use super::Stage;
use super::flows::{FlowReader, Surroundings};
use super::foreign;
use crate::cluster::Spanned;
use crate::ids::RoleName;
use crate::naming::unknown;
use crate::problem::Problem;
use crate::source::Span;
use crate::stage_parts::Gate;
use crate::yaml::{Kind, Node};

const GATE: &str = "a stage's name, or `{all: NAME}`";

impl FlowReader<'_, '_> {
    pub(super) fn after(
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
}
