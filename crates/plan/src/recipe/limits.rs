//! Reading a stage's limits: how long it may take, and how many failures it bears.

use std::collections::BTreeSet;
use std::time::Duration;

use super::flows::FlowReader;
use crate::duration::parse_duration;
use crate::ids::RoleName;
use crate::problem::Problem;
use crate::yaml::{Fields, Kind, Node};

/// What `stop_after` is where no failure stops other hosts.
const NEVER: &str = "never";

impl FlowReader<'_, '_> {
    /// After how many failed hosts no further one begins. Where hosts take turns, the first that fails stops the
    /// others, unless the stage says something else.
    pub(super) fn stop_after(
        &mut self,
        what: &str,
        fields: Fields<'_>,
        roles: &BTreeSet<RoleName>,
        at_once: Option<usize>,
    ) -> Option<usize> {
        let Some(node) = fields.get("stop_after") else {
            return at_once.filter(|at_once| *at_once == 1);
        };
        if node.as_text(self.yaml.source) == Some(NEVER) {
            return None;
        }
        let limit = match node.kind {
            Kind::Int(_) => self.yaml.int(node, "`stop_after`", 1..=100_000),
            _ => {
                let expected = "a number of hosts, such as 1, or `never`";
                self.yaml.expected(node, "`stop_after`", expected);
                None
            }
        }?;
        let limit = usize::try_from(limit).ok()?;
        let of_role = |name: &RoleName| {
            let role = self.roles.iter().find(|role| role.name == *name)?;
            role.count.most()
        };
        let most: Option<usize> = roles.iter().map(of_role).sum();
        if let Some(most) = most.filter(|most| limit > *most) {
            let problem = Problem::warning(
                "recipe::stop-after",
                format!("{what} never stops after {limit} failures: it has at most {most} hosts"),
            )
            .at(self.yaml.source, node.span, "never comes about")
            .help("write a smaller number; or `never`, where a failure is to stop nobody");
            self.yaml.problems.push(problem);
        }
        Some(limit)
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.yaml.text(node, what)?;
        match parse_duration(&text.value) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.yaml.error(
                    "recipe::duration",
                    text.span,
                    format!("{what} is no span of time: {error}"),
                    "not a span of time",
                    "such as `30s`, `10m` or `1h`",
                );
                None
            }
        }
    }
}
