//! What of a recipe could not be read.

use std::collections::BTreeSet;

/// Parts of a recipe that could not be read. What they declare is not known: that is told where it is
/// wrong, and nothing is said of the names that they may have declared.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    pub(super) roles: bool,
    pub(super) facts: bool,
    pub(super) settings: bool,
    pub(super) releases: bool,
    /// Whether there may be more flows, or more stages in them.
    pub(super) flows: bool,
    /// Whether a stage may wait for more than what could be read.
    pub(super) gates: bool,
    /// Stages that stand in a flow and could not be read.
    pub(super) stages: BTreeSet<String>,
}

impl Unread {
    /// Whether it is known what every stage does and waits for.
    pub(super) fn knows_the_flows(&self) -> bool {
        !self.roles && !self.flows && !self.gates && self.stages.is_empty()
    }

    /// Whether a script may be given the variable by what could not be read.
    pub(super) fn may_give(&self, variable: &str) -> bool {
        [
            (self.settings, "PX_SETTING_"),
            (self.settings, "PX_SECRET_"),
            (self.facts, "PX_FACT_"),
            (self.facts, "PX_FACTS_"),
            (self.roles, "PX_HOSTS_"),
            (self.roles, "PX_ADDRESSES_"),
            (self.releases, "PX_RELEASE_"),
        ]
        .iter()
        .any(|(unread, prefix)| *unread && variable.starts_with(prefix))
    }
}
