//! Names that tell things apart: hosts, roles, stages, tasks.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the name as it stands; the readers check it before they build one.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// One machine's name inside the cluster file: letters, digits, `.`, `_` and `-`.
    HostName
}
name_type! {
    /// What a host is to become. The recipe says which roles there are.
    RoleName
}
name_type! {
    /// One step of a flow.
    StageId
}

/// One stage on one host: the unit of work. Shown as `stage@host`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct TaskId {
    /// The stage.
    pub stage: StageId,
    /// The host.
    pub host: HostName,
}

impl TaskId {
    /// The task of this stage on this host.
    pub fn new(stage: impl Into<StageId>, host: impl Into<HostName>) -> Self {
        Self {
            stage: stage.into(),
            host: host.into(),
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.stage, self.host))
    }
}

/// Whether `name` may name a host, a role, a stage or a label: it starts with a letter or digit and
/// goes on with letters, digits, `.`, `_` or `-`, at most 64 of them. Such a name is safe in a
/// path, in a shell word and in a systemd unit's name.
pub fn is_plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names() {
        for good in ["m1", "master-1.example", "A_b", "9"] {
            assert!(is_plain_name(good), "{good}");
        }
        for bad in ["", ".hidden", "-x", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(!is_plain_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_task_is_shown_as_stage_at_host() {
        assert_eq!(TaskId::new("docker", "m1").to_string(), "docker@m1");
    }
}
