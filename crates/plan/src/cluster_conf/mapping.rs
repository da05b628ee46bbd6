//! Which assignment of a cluster file means what. Written in YAML beside the recipe:
//!
//! ```yaml
//! names:
//!   NODES_A:     { addresses: leader, about: where SSH reaches the leaders }
//!   LEADER{1..3}: { private_addresses: leader, about: the leaders' private addresses }
//!   ALL_NODES:   { all_addresses: true, about: every address once more }
//!   PORT:        { setting: port, type: port, about: where the leaders listen }
//!   PASSWORD:    { secret: password, about: the first user's password }
//!   KEY:         { ssh: key, default: [agent, ~/.ssh/lab.pem, ssh], about: the private key }
//!   LOGIN:       { ssh: user, default: admin, about: the login }
//!   CLUSTER:     { cluster: name, default: lab, ours: true, about: the cluster's name }
//! host_names: { leader: 'leader{n}' }
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::ids::RoleName;

/// Which assignment means what.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfMapping {
    /// The names that mean something, in the order of the mapping file.
    pub names: Vec<ConfName>,
    /// How the hosts of a role are named: `{n}` stands for the host's number in its role, from 1.
    /// A role that is not named here: the role's name and the number.
    pub host_names: BTreeMap<RoleName, String>,
}

/// A name, or a numbered series of names, that means something.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfName {
    /// The name; for a series, what stands before the number.
    pub name: String,
    /// The numbers of a series.
    pub numbers: Option<RangeInclusive<u32>>,
    /// What it means.
    pub meaning: Meaning,
    /// One line for people.
    pub about: String,
    /// Whether the name is an addition of this program's: scripts that read the same file do not
    /// know it.
    pub ours: bool,
}

/// What an assignment means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// The addresses at which SSH reaches the hosts of a role.
    Addresses(RoleName),
    /// The addresses that the hosts of a role know each other by: in the order of their
    /// [`Meaning::Addresses`].
    PrivateAddresses(RoleName),
    /// The addresses of all hosts once more: checked, not used.
    AllAddresses,
    /// A setting of the recipe.
    Setting {
        /// Its name.
        name: String,
        /// What its text is read as.
        kind: ValueKind,
    },
    /// A setting that must not be seen.
    Secret(String),
    /// The private key file.
    SshKey {
        /// What is used where none is named, in this order.
        default: Vec<KeyDefault>,
    },
    /// The login.
    SshUser {
        /// Where none is named.
        default: Option<String>,
    },
    /// The cluster's name.
    ClusterName {
        /// Where none is given.
        default: Option<String>,
    },
}

/// What the text of a setting is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// A TCP port.
    Port,
    /// `true` or `false`.
    Bool,
    /// A list of texts, separated by spaces.
    List,
}

/// A key that is used where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyDefault {
    /// The agent's keys.
    Agent,
    /// ssh's default key files.
    Ssh,
    /// This file, if there is one.
    File(String),
}

impl ConfName {
    /// Whether this is the name, or one of the series.
    pub fn covers(&self, name: &str) -> bool {
        match &self.numbers {
            None => self.name == name,
            Some(numbers) => self
                .number_of(name)
                .is_some_and(|number| numbers.contains(&number)),
        }
    }

    /// The number of `name` in this series, also where the series does not reach so far.
    pub fn number_of(&self, name: &str) -> Option<u32> {
        self.numbers.as_ref()?;
        let digits = name.strip_prefix(self.name.as_str())?;
        let plain = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        plain.then(|| digits.parse().unwrap_or(u32::MAX))
    }

    /// As people write it: `NAME` or `NAME1..NAME9`.
    pub fn shown(&self) -> String {
        match &self.numbers {
            None => self.name.clone(),
            Some(numbers) => format!("{0}{1}..{0}{2}", self.name, numbers.start(), numbers.end()),
        }
    }

    /// Every name that this covers.
    pub fn each(&self) -> Vec<String> {
        match &self.numbers {
            None => vec![self.name.clone()],
            Some(numbers) => numbers
                .clone()
                .map(|number| format!("{}{number}", self.name))
                .collect(),
        }
    }
}

impl ConfMapping {
    /// What an assignment to `name` means.
    pub fn find(&self, name: &str) -> Option<&ConfName> {
        self.names.iter().find(|entry| entry.covers(name))
    }

    /// The entry for the addresses at which SSH reaches a role's hosts.
    pub fn addresses_of(&self, role: &RoleName) -> Option<&ConfName> {
        self.names
            .iter()
            .find(|entry| matches!(&entry.meaning, Meaning::Addresses(of) if of == role))
    }

    /// The name of a role's host, counted from 1, of so many.
    pub fn host_name(&self, role: &RoleName, number: usize, of: usize) -> String {
        match self.host_names.get(role.as_str()) {
            Some(pattern) if pattern.contains("{n}") => pattern.replace("{n}", &number.to_string()),
            Some(name) if of == 1 => name.clone(),
            Some(name) => format!("{name}{number}"),
            None => format!("{role}{number}"),
        }
    }
}

/// Whether `name` may be assigned to.
pub(super) fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
