//! What a flow is to the command: whether it changes hosts, and which command carries it out.

use serde::{Deserialize, Serialize};

/// Whether a flow changes hosts. One that does is carried out by one run of a cluster at a time, after a question, and
/// can be resumed; one that changes nothing is begun anew instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Changes {
    /// It looks, and changes nothing.
    Nothing,
    /// It changes hosts.
    Hosts,
}

impl Changes {
    /// What holds for a flow of this name where its recipe does not say: `check` and `verify` change nothing, all
    /// others change hosts.
    pub fn unless_said(flow: &str) -> Self {
        match FlowCommand::of(flow) {
            Some(FlowCommand::Check | FlowCommand::Verify) => Self::Nothing,
            Some(FlowCommand::Install) | None => Self::Hosts,
        }
    }
}

/// A flow that has a command of its own: what people expect of it is the same in every recipe. Nothing else knows
/// flows by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowCommand {
    /// `phalanx check` looks for problems.
    Check,
    /// `phalanx install` brings the cluster to what the cluster file says.
    Install,
    /// `phalanx verify` proves that the cluster is healthy.
    Verify,
}

impl FlowCommand {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Check, Self::Install, Self::Verify];

    /// The name of the flow, and of the command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Install => "install",
            Self::Verify => "verify",
        }
    }

    /// The command that carries out the flow of this name.
    pub fn of(flow: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_where_a_recipe_does_not_say() {
        for (flow, command, changes) in [
            ("check", Some(FlowCommand::Check), Changes::Nothing),
            ("verify", Some(FlowCommand::Verify), Changes::Nothing),
            ("install", Some(FlowCommand::Install), Changes::Hosts),
            ("upgrade", None, Changes::Hosts),
            ("Check", None, Changes::Hosts),
            ("", None, Changes::Hosts),
        ] {
            assert_eq!(FlowCommand::of(flow), command, "{flow}");
            assert_eq!(Changes::unless_said(flow), changes, "{flow}");
        }
    }
}
