//! What a stage is made of. A recipe's stage and a plan's have the same parts.

use serde::{Deserialize, Serialize};

use crate::ids::StageId;

/// In which form a script is handed a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handing {
    /// As it is.
    Plain,
    /// Its SHA-512 crypt hash, under its name and `_hash`.
    Hashed {
        /// The fact by which the host tells with which salt; without it, a salt is drawn.
        salt: String,
    },
}

impl Handing {
    /// The name under which a script has the secret `name`.
    pub fn name(&self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Hashed { .. } => format!("{name}_hash"),
        }
    }
}

/// What a stage does on a host once its files are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing more: the files were all.
    Put,
    /// Runs a script as a job; the path in [`PlanData::files`](crate::PlanData::files).
    Run(String),
    /// Asks a probe until it says yes; the path in [`PlanData::files`](crate::PlanData::files).
    Until(String),
    /// Reboots the host and proves that it did.
    Reboot,
}

/// A file that a stage brings to a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutStep {
    /// Where its content comes from.
    pub source: PutSource,
    /// Where it goes; itself a template.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner, `user` or `user:group`; root where not named.
    pub owner: Option<String>,
}

/// Where a file's content comes from; the paths are those in [`PlanData::files`](crate::PlanData::files).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PutSource {
    /// As it stands.
    File(String),
    /// Rendered for each host, with settings and facts.
    Template(String),
    /// A file of this machine, whose path is the value of this setting. Left out where it has none.
    Upload(String),
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The same host's task of that stage.
    Own(StageId),
    /// That stage on every host of it, but for those that their roles allow to be missing.
    All(StageId),
}

/// How many hosts of a role may be missing at an `all` gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allowance {
    /// So many hosts.
    Hosts(usize),
    /// So many in a hundred, rounded down.
    Percent(u8),
}

impl Allowance {
    /// How many of `hosts` may be missing.
    pub fn of(self, hosts: usize) -> usize {
        match self {
            Self::Hosts(count) => count.min(hosts),
            Self::Percent(percent) => hosts * usize::from(percent.min(100)) / 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_rounded_down() {
        assert_eq!(Allowance::Percent(20).of(4), 0);
        assert_eq!(Allowance::Percent(20).of(5), 1);
        assert_eq!(Allowance::Percent(20).of(14), 2);
        assert_eq!(Allowance::Hosts(3).of(2), 2);
    }
}
