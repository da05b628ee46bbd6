//! What a task is made from: what has to be the same for its outcome to hold.

use std::collections::BTreeMap;

use crate::environment::RenderedContent;
use crate::ix::{HostIx, StageIx};
use crate::plan::Facts;
use crate::prepared::PreparedPlan;
use crate::stage_parts::{Action, PutSource};

/// What goes into a task: a name for people, and the content.
pub type Inputs = BTreeMap<String, String>;

impl PreparedPlan {
    /// What a stage on a host is made from: who the host is, the script with those of its variables that
    /// the script names, and the files that are brought. Facts are given: they are the host's, and not
    /// the operator's. Secrets are not among them, since nobody keeps them.
    pub fn inputs(&self, stage: StageIx, host: HostIx, facts: &Facts) -> Inputs {
        let mut inputs = Inputs::new();
        let (planned, stage_of) = (self.host(host), self.stage(stage));
        let mut note = |name: &str, value: &str| {
            inputs.insert(name.to_owned(), value.to_owned());
        };
        note("its role", planned.role.as_str());
        note("its address", &planned.address);
        note(
            "its private address",
            planned.private_address.as_deref().unwrap_or_default(),
        );
        let (does, script) = match &stage_of.action {
            Action::Put => ("put", None),
            Action::Run(script) => ("run", Some(script)),
            Action::Until(script) => ("until", Some(script)),
            Action::Reboot => ("reboot", None),
        };
        note("what the stage does", does);
        if let Some((path, text)) = script.and_then(|path| Some((path, self.files.get(path)?))) {
            note(&format!("the script {path}"), text);
            for (name, value) in self.environment(host, Some(stage), &Facts::new(), "") {
                if name != "PX_RUN" && names(text, &name) {
                    note(&for_people(&name), &value);
                }
            }
        }
        for put in &stage_of.put {
            if let PutSource::Upload(setting) = &put.source
                && let Some(file) = self.uploads.get(setting)
            {
                note(&format!("the file that {setting} names"), file);
            }
            match self.render_put(put, host, facts) {
                Ok(file) => {
                    let content = match &file.content {
                        RenderedContent::Bytes(bytes) => {
                            String::from_utf8_lossy(bytes).into_owned()
                        }
                        RenderedContent::Local(path) => path.display().to_string(),
                    };
                    let owner = file.owner.as_deref().unwrap_or_default();
                    let content = format!("{:o} {owner}\n{content}", file.mode);
                    note(&format!("the file {}", file.path), &content);
                }
                Err(error) => note(&format!("the file {}", put.path), &error.to_string()),
            }
        }
        inputs
    }
}

/// The names of what is not the same in both.
pub fn differences(before: &Inputs, now: &Inputs) -> Vec<String> {
    let mut names: Vec<String> = before
        .keys()
        .chain(now.keys())
        .filter(|name| before.get(*name) != now.get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Whether a script names this variable.
fn names(script: &str, variable: &str) -> bool {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    script.match_indices(variable).any(|(at, _)| {
        let before = script[..at].chars().next_back();
        let after = script[at + variable.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

/// What a variable is to the operator.
fn for_people(variable: &str) -> String {
    for (kind, what) in [
        ("PX_SETTING_", "the setting"),
        ("PX_RELEASE_", "what is known of the release:"),
        ("PX_HOSTS_", "which hosts are"),
        ("PX_ADDRESSES_", "the addresses of those that are"),
    ] {
        if let Some(name) = variable.strip_prefix(kind) {
            return format!("{what} {}", name.to_ascii_lowercase());
        }
    }
    match variable {
        "PX_RELEASE" => "the release".to_owned(),
        "PX_LEFT_OUT" => "which hosts are left out".to_owned(),
        _ => variable.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_only_as_a_whole() {
        assert!(names("echo \"$PX_A\"", "PX_A"));
        assert!(names("echo ${PX_A:-x}", "PX_A"));
        assert!(!names("echo $PX_AB $MY_PX_A", "PX_A"));
        assert!(names("$PX_AB$PX_A", "PX_A"));
    }

    #[test]
    fn what_differs_is_told_once() {
        let inputs = |pairs: &[(&str, &str)]| -> Inputs {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(own).collect()
        };
        let before = inputs(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let now = inputs(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(differences(&before, &now), ["b", "c", "d"]);
        assert!(differences(&before, &before).is_empty());
    }
}
