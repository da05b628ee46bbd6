//! The settings of a release line, as a recipe's settings file has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema_words;
use crate::cluster::Spanned;
use crate::expression::{Names, SettingKind};
use crate::ids::StageId;
use crate::problem::Severity;
use crate::source::SourceFile;
use crate::stage_parts::Handing;
use crate::variables::secret_variable;
use crate::yaml::Node;

/// The settings of a release line.
#[derive(Clone, Debug)]
pub struct SettingsLine {
    /// The line: `1.8`, or `any`.
    pub line: String,
    /// The file.
    pub source: SourceFile,
    /// The JSON Schema of all settings together, secrets included.
    pub schema: Value,
    /// What the schema cannot say.
    pub rules: Vec<Rule>,
    /// Settings that must not be seen, and who is handed them.
    pub secrets: BTreeMap<String, SecretUse>,
    /// The schema as it stands in the file.
    pub(super) schema_node: Node,
}

/// Who is handed a secret, and in which form.
#[derive(Clone, Debug, Default)]
pub struct SecretUse {
    /// The stages whose scripts are handed it.
    pub stages: Vec<Spanned<StageId>>,
    /// A condition on settings; where it is false, nobody is handed it.
    pub when: Option<Spanned<String>>,
    /// The fact that tells with which salt it is hashed: where there is one, scripts are handed the
    /// hash, and the secret itself stays here.
    pub hash_salt: Option<Spanned<String>>,
}

impl SecretUse {
    /// In which form it is handed.
    pub(crate) fn handing(&self) -> Handing {
        match &self.hash_salt {
            Some(fact) => Handing::Hashed {
                salt: fact.value.clone(),
            },
            None => Handing::Plain,
        }
    }

    /// The variable by which a script has the secret of this name.
    pub(crate) fn variable(&self, name: &str) -> String {
        secret_variable(&self.handing().name(name))
    }
}

/// A condition that the settings must meet.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The condition.
    pub check: Spanned<String>,
    /// What to say where it is false: a template.
    pub message: Spanned<String>,
    /// The setting to say it at.
    pub at: Option<Spanned<String>>,
    /// How bad that is.
    pub severity: Severity,
}

impl SettingsLine {
    /// What the schema says about each setting, by name.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
    }

    pub(crate) fn add_names(&self, names: &mut Names) {
        for (name, schema) in self.properties() {
            if self.secrets.contains_key(name) {
                names.secrets.insert(name.to_owned());
                continue;
            }
            let kind = match schema.get("type").and_then(Value::as_str) {
                Some("boolean") => SettingKind::Bool,
                Some(_) => SettingKind::Other,
                None => SettingKind::Unknown,
            };
            names
                .settings
                .entry(name.to_owned())
                .and_modify(|known| {
                    if *known != kind {
                        *known = SettingKind::Unknown;
                    }
                })
                .or_insert(kind);
        }
    }

    /// Whether its settings could be read.
    pub(crate) fn is_read(&self) -> bool {
        let entries = self.schema_node.as_map().unwrap_or_default().iter();
        let mut entries =
            entries.filter(|(key, _)| schema_words::is_meant(&key.text, "properties"));
        entries.all(|(key, node)| key.text == "properties" && node.as_map().is_some())
    }
}
