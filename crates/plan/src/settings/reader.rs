//! Reading a settings file: a schema, rules, and which settings are secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::line::{Rule, SecretUse, SettingsLine};
use super::schema::validator;
use super::schema_words;
use crate::cluster::Spanned;
use crate::expression::{Names, push_faults};
use crate::fact_kind::FactKind;
use crate::ids::StageId;
use crate::naming::{name_fault, unknown};
use crate::problem::{Problem, Problems, Severity};
use crate::source::{SourceFile, Span};
use crate::yaml::{self, Node, Reader};

/// Reads the settings of the release line `line`.
pub(crate) fn read(
    source: &SourceFile,
    line: &str,
    facts: &BTreeMap<String, FactKind>,
    facts_unread: bool,
) -> (Option<SettingsLine>, Problems) {
    let (root, problems) = yaml::read(source);
    let mut reader = SettingsReader {
        yaml: Reader::after(source, problems),
        open: facts_unread,
    };
    if line != "any" && !is_release_line(line) {
        let problem = Problem::error(
            "recipe::release-line",
            format!("`{line}` is no release line"),
        )
        .in_file(source)
        .help("name the file for a release line, such as `1.8.yaml`, or `any.yaml`");
        reader.yaml.problems.push(problem);
    }
    let settings = root
        .as_ref()
        .and_then(|root| reader.file(root, line, facts));
    (settings, reader.yaml.problems)
}

fn is_release_line(line: &str) -> bool {
    !line.is_empty() && line.split('.').all(|part| part.parse::<u64>().is_ok())
}

struct SettingsReader<'a> {
    yaml: Reader<'a>,
    /// Whether there may be names that could not be read.
    open: bool,
}

impl SettingsReader<'_> {
    fn file(
        &mut self,
        root: &Node,
        line: &str,
        facts: &BTreeMap<String, FactKind>,
    ) -> Option<SettingsLine> {
        let fields = self
            .yaml
            .fields(root, "a settings file", &["schema", "rules", "secrets"])?;
        let Some(schema_node) = fields.get("schema") else {
            self.yaml.missing(
                root,
                "a settings file",
                "schema",
                "write the JSON Schema of the settings: `schema: { properties: { ... } }`",
            );
            return None;
        };
        self.yaml.map(schema_node, "`schema`")?;
        let mut settings = SettingsLine {
            line: line.to_owned(),
            source: self.yaml.source.clone(),
            schema: schema_node.to_json(),
            rules: Vec::new(),
            secrets: BTreeMap::new(),
            schema_node: schema_node.clone(),
        };
        self.check_schema(&settings, facts);
        self.open |= !settings.is_read();
        if let Some(secrets) = fields.get("secrets") {
            settings.secrets = self.secrets(secrets, &settings, facts);
        }
        if let Some(rules) = fields.get("rules") {
            settings.rules = self.rules(rules, &settings, facts);
        }
        Some(settings)
    }

    fn check_schema(&mut self, settings: &SettingsLine, facts: &BTreeMap<String, FactKind>) {
        let schema = &settings.schema_node;
        schema_words::check(schema, &mut self.yaml);
        if let Some(properties) = schema.get("properties") {
            for (key, _) in self
                .yaml
                .map(properties, "`properties`")
                .unwrap_or_default()
            {
                let fault = match name_fault(&key.text) {
                    Some(fault) => fault,
                    None if facts.contains_key(&key.text) => {
                        ("a fact is called so", "call one of them something else")
                    }
                    None => continue,
                };
                self.yaml.error(
                    "recipe::name",
                    key.span,
                    format!(
                        "`{}` can't be a setting's name: {}",
                        key.text.escape_debug(),
                        fault.0
                    ),
                    "not a setting's name",
                    fault.1,
                );
            }
        }
        let compiled = match validator(&settings.schema) {
            Ok(compiled) => compiled,
            Err(errors) => {
                for error in errors {
                    let span = self.place(schema, &error.pointer);
                    let message = format!("this is no JSON Schema: {}", error.reason);
                    self.yaml
                        .problems
                        .push(Problem::error("recipe::schema", message).at(
                            self.yaml.source,
                            span,
                            "here",
                        ));
                }
                return;
            }
        };
        let defaults: Map<String, Value> = settings
            .properties()
            .filter_map(|(name, property)| {
                Some((name.to_owned(), property.get("default")?.clone()))
            })
            .collect();
        for error in compiled.iter_errors(&Value::Object(defaults)) {
            let pointer = error.instance_path().to_string();
            let Some(name) = pointer.split('/').nth(1) else {
                // What is wrong with all of them together: a setting without a default is missing.
                continue;
            };
            let default = format!("/properties/{name}/default");
            let span = self.place(schema, &default);
            let problem = Problem::error(
                "recipe::default",
                format!("the default of `{name}` does not fit its own schema"),
            )
            .at(self.yaml.source, span, error.to_string());
            self.yaml.problems.push(problem);
        }
    }

    /// Where the value with this JSON pointer stands; the nearest one around it where it does not.
    fn place(&self, node: &Node, pointer: &str) -> Span {
        let places: BTreeMap<String, Span> = node.places().into_iter().collect();
        let mut pointer = pointer;
        loop {
            match (places.get(pointer), pointer.rfind('/')) {
                (Some(span), _) => return *span,
                (None, Some(slash)) => pointer = pointer.get(..slash).unwrap_or_default(),
                (None, None) => return node.span,
            }
        }
    }

    fn check_setting(&mut self, name: &Spanned<String>, settings: &SettingsLine) -> bool {
        let known = || settings.properties().map(|(name, _)| name);
        let found = known().any(|known| known == name.value);
        if !found && settings.is_read() {
            let problem = unknown(self.yaml.source, name, "setting", known());
            self.yaml.problems.push(problem);
        }
        found
    }

    fn secrets(
        &mut self,
        node: &Node,
        settings: &SettingsLine,
        facts: &BTreeMap<String, FactKind>,
    ) -> BTreeMap<String, SecretUse> {
        let mut names = Names {
            open: self.open,
            ..Names::default()
        };
        settings.add_names(&mut names);
        let mut secrets = BTreeMap::new();
        for (key, node) in self.yaml.map(node, "`secrets`").unwrap_or_default() {
            let name = Spanned {
                value: key.text.clone(),
                span: key.span,
            };
            self.check_setting(&name, settings);
            let what = format!("the secret `{}`", key.text.escape_debug());
            let handed = match node.as_map().is_some() {
                true => self.secret(node, &what, facts),
                false => SecretUse {
                    stages: self.stages(node, &what),
                    ..SecretUse::default()
                },
            };
            secrets.insert(key.text.clone(), handed);
        }
        // A condition that names one of them would tell what it is.
        for handed in secrets.values() {
            let Some(when) = &handed.when else { continue };
            names.secrets.extend(secrets.keys().cloned());
            let faults = names.check_condition(&when.value);
            push_faults(
                self.yaml.source,
                when,
                "condition",
                faults,
                &mut self.yaml.problems,
            );
        }
        secrets
    }

    fn secret(&mut self, node: &Node, what: &str, facts: &BTreeMap<String, FactKind>) -> SecretUse {
        let known = ["stages", "when", "hash_salt"];
        let Some(fields) = self.yaml.fields(node, what, &known) else {
            return SecretUse::default();
        };
        let stages = match fields.get("stages") {
            Some(node) => self.stages(node, what),
            None => Vec::new(),
        };
        let when = fields
            .get("when")
            .and_then(|node| self.yaml.text(node, "`when`"));
        let hash_salt = fields
            .get("hash_salt")
            .and_then(|node| self.yaml.text(node, "`hash_salt`"));
        if let Some(fact) = &hash_salt
            && !facts.contains_key(&fact.value)
        {
            let known = facts.keys().map(String::as_str);
            let problem = unknown(self.yaml.source, fact, "fact", known);
            self.yaml.problems.push(problem);
        }
        SecretUse {
            stages,
            when,
            hash_salt,
        }
    }

    fn stages(&mut self, node: &Node, what: &str) -> Vec<Spanned<StageId>> {
        if node.is_null() {
            return Vec::new();
        }
        let stages = self.yaml.texts(node, what).unwrap_or_default();
        stages
            .into_iter()
            .map(|stage| Spanned {
                value: StageId::new(stage.value),
                span: stage.span,
            })
            .collect()
    }

    fn rules(
        &mut self,
        node: &Node,
        settings: &SettingsLine,
        facts: &BTreeMap<String, FactKind>,
    ) -> Vec<Rule> {
        let mut names = Names {
            facts: facts.clone(),
            open: self.open,
            ..Names::default()
        };
        settings.add_names(&mut names);
        self.yaml
            .list(node, "`rules`")
            .unwrap_or_default()
            .iter()
            .filter_map(|item| self.rule(item, settings, &names))
            .collect()
    }

    fn rule(&mut self, item: &Node, settings: &SettingsLine, names: &Names) -> Option<Rule> {
        let known = ["check", "message", "at", "severity"];
        let fields = self.yaml.fields(item, "a rule", &known)?;
        for (field, help) in [
            ("check", "write the condition that must hold"),
            ("message", "write what to say where it does not"),
        ] {
            if fields.get(field).is_none() {
                self.yaml.missing(item, "a rule", field, help);
            }
        }
        let check = fields
            .get("check")
            .and_then(|node| self.yaml.text(node, "`check`"));
        let message = fields
            .get("message")
            .and_then(|node| self.yaml.text(node, "`message`"));
        let at = fields
            .get("at")
            .and_then(|node| self.yaml.text(node, "`at`"));
        let severity = match fields.get("severity") {
            Some(node) => self.severity(node),
            None => Some(Severity::Error),
        };
        let problems = &mut self.yaml.problems;
        if let Some(check) = &check {
            let faults = names.check_condition(&check.value);
            push_faults(self.yaml.source, check, "rule", faults, problems);
        }
        if let Some(message) = &message {
            let faults = names.check_template(&message.value);
            push_faults(self.yaml.source, message, "message", faults, problems);
        }
        if let Some(at) = &at {
            self.check_setting(at, settings);
        }
        Some(Rule {
            check: check?,
            message: message?,
            at,
            severity: severity?,
        })
    }

    fn severity(&mut self, node: &Node) -> Option<Severity> {
        match node.as_text(self.yaml.source) {
            Some("error") => Some(Severity::Error),
            Some("warning") => Some(Severity::Warning),
            Some("note") => Some(Severity::Note),
            _ => {
                self.yaml
                    .expected(node, "`severity`", "`error`, `warning` or `note`");
                None
            }
        }
    }
}
