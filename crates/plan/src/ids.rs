//! Names that tell things apart: hosts, roles, stages, tasks.

use std::fmt;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // One that is read back from a plan or a journal is a plain name, or reading fails: it leads out of no
        // folder and controls no terminal.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(
            #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"))] String,
        );

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                match is_readable_name(&name) {
                    true => Ok(Self(name)),
                    false => Err(D::Error::custom(format!(
                        "{name:?} cannot be the name of a host, role or stage"
                    ))),
                }
            }
        }

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

/// Whether a name that is read back is one that this program may have written: names that a mapping makes out
/// of a role and a number may be somewhat longer than those that people write.
fn is_readable_name(name: &str) -> bool {
    name.len() <= 96 && is_made_of_plain(name)
}

/// Whether `name` may name a host, a role, a stage or a label: it starts with a letter or digit and
/// goes on with letters, digits, `.`, `_` or `-`, at most 64 of them. Such a name is safe in a
/// path, in a shell word and in a systemd unit's name.
pub fn is_plain_name(name: &str) -> bool {
    name.len() <= 64 && is_made_of_plain(name)
}

fn is_made_of_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
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
    fn a_name_that_is_read_back_is_plain() {
        let read = |name: &str| serde_json::from_value::<HostName>(name.into());
        for good in [
            "m1",
            "9",
            &"x".repeat(64),
            &format!("{}1-.", "x".repeat(64)),
        ] {
            assert_eq!(read(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(97);
        let slash = format!("{}/", "x".repeat(64));
        for bad in [
            "",
            ".",
            "..",
            "../../victim",
            "a/b",
            "a\nb",
            "\u{1b}]0;x\u{7}",
            &long,
            &slash,
        ] {
            let told = read(bad).unwrap_err().to_string();
            assert!(told.contains("cannot be the name"), "{told}");
            assert!(!told.contains('\u{1b}') && !told.contains('\n'), "{told}");
        }
        let task = r#"{"stage":"../x","host":"h"}"#;
        assert!(serde_json::from_str::<TaskId>(task).is_err());
    }

    #[test]
    fn a_task_is_shown_as_stage_at_host() {
        assert_eq!(TaskId::new("docker", "m1").to_string(), "docker@m1");
    }
}
