//! What the expressions and templates of a plan see, and working them out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::value::{Object, Serde, Value};

use crate::address::without_zone;
use crate::expression::{
    Condition, ExpressionError, LANGUAGE, Undecided, Uses, is_function, reason,
};
use crate::fact_kind::FactKind;
use crate::ids::{HostName, StageId};
use crate::ix::{StageIx, Table};
use crate::plan::{ClusterHost, Facts, PlanData};
use crate::stage_parts::PutSource;

/// What is the same for every host.
#[derive(Debug)]
pub(crate) struct Shared {
    values: BTreeMap<String, Value>,
    hosts: BTreeMap<HostName, Value>,
    fact_kinds: BTreeMap<String, FactKind>,
}

impl Shared {
    pub(crate) fn new(plan: &PlanData) -> Self {
        let listed: Vec<Value> = plan.roster.iter().map(host_value).collect();
        let mut values: BTreeMap<String, Value> = plan
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(Serde(value))))
            .collect();
        if let Some(release) = &plan.release {
            values.insert("release".into(), Value::from(release.as_str()));
        }
        values.insert("cluster".into(), Value::from(plan.cluster.as_str()));
        values.insert("flow".into(), Value::from(plan.flow.as_str()));
        values.insert("hosts".into(), Value::from(listed.clone()));
        Self {
            values,
            hosts: plan
                .roster
                .iter()
                .zip(listed)
                .map(|(host, value)| (host.name.clone(), value))
                .collect(),
            fact_kinds: plan.fact_kinds.clone(),
        }
    }

    /// Whether a rule of the settings holds; the error says why that is not known.
    pub(crate) fn rule_holds(self: &Arc<Self>, check: &str) -> Result<bool, String> {
        let condition = Condition::new(check).map_err(|fault| fault.message)?;
        let missing = condition
            .uses
            .needed()
            .into_iter()
            .find(|name| !self.values.contains_key(*name) && !is_function(name));
        if let Some(name) = missing {
            return Err(format!("`{name}` has no value"));
        }
        condition
            .decide(self.for_rules())
            .map_err(|undecided| match undecided {
                Undecided::Other(found) => format!("it must be true or false, and is {found}"),
                Undecided::Failed(reason) => reason,
            })
    }

    /// What a rule says where it does not hold.
    pub(crate) fn rule_message(self: &Arc<Self>, template: &str) -> Result<String, String> {
        crate::expression::parse_template(template).map_err(|fault| fault.message)?;
        LANGUAGE
            .render_str(template, self.for_rules())
            .map_err(|error| reason(&error))
    }

    /// The names that a rule may use: it knows no host.
    fn for_rules(self: &Arc<Self>) -> Value {
        Value::from_object(View {
            shared: Arc::clone(self),
            host: None,
            role: None,
            facts: BTreeMap::new(),
        })
    }

    /// What one host sees, with those of its facts that `uses` names.
    fn for_host(
        self: &Arc<Self>,
        host: &HostName,
        role: &str,
        uses: &Uses,
        facts: &Facts,
        stage: &StageId,
    ) -> Result<Value, ExpressionError> {
        let mut seen = BTreeMap::new();
        for (name, _) in &uses.names {
            let (Some(kind), Some(told)) = (self.fact_kinds.get(name), facts.get(name)) else {
                continue;
            };
            let wrong = |expected| ExpressionError::WrongFact {
                stage: stage.clone(),
                fact: name.clone(),
                value: told.clone(),
                expected,
            };
            let value = match kind {
                FactKind::Text => Value::from(told.as_str()),
                FactKind::Bool => match told.trim() {
                    "true" => Value::from(true),
                    "false" => Value::from(false),
                    _ => return Err(wrong("`true` or `false`")),
                },
                FactKind::Number => Value::from(
                    told.trim()
                        .parse::<i64>()
                        .map_err(|_| wrong("a whole number"))?,
                ),
            };
            seen.insert(name.clone(), value);
        }
        let missing = uses
            .needed()
            .into_iter()
            .find(|name| self.fact_kinds.contains_key(*name) && !seen.contains_key(*name));
        if let Some(fact) = missing {
            return Err(ExpressionError::MissingFact {
                stage: stage.clone(),
                fact: fact.to_owned(),
            });
        }
        Ok(Value::from_object(View {
            shared: Arc::clone(self),
            host: self.hosts.get(host).cloned(),
            role: Some(Value::from(role)),
            facts: seen,
        }))
    }
}

fn host_value(host: &ClusterHost) -> Value {
    let private = host.private_address.as_ref().unwrap_or(&host.address);
    let labels: Vec<Value> = host
        .labels
        .iter()
        .map(|label| Value::from(label.as_str()))
        .collect();
    Value::from(BTreeMap::from([
        ("name", Value::from(host.name.as_str())),
        ("role", Value::from(host.role.as_str())),
        ("address", Value::from(without_zone(&host.address))),
        ("private_address", Value::from(without_zone(private))),
        ("labels", Value::from(labels)),
    ]))
}

/// The names as one host sees them. What is the same for all is shared, never copied.
#[derive(Debug)]
struct View {
    shared: Arc<Shared>,
    host: Option<Value>,
    role: Option<Value>,
    facts: BTreeMap<String, Value>,
}

impl Object for View {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "host" => self.host.clone(),
            "role" => self.role.clone(),
            _ => self
                .facts
                .get(key)
                .or_else(|| self.shared.values.get(key))
                .cloned(),
        }
    }
}

/// A template's text, set up to be rendered, and what it names.
struct Prepared {
    uses: Uses,
}

/// The conditions and templates of a plan.
pub(crate) struct Compiled {
    conditions: Table<StageIx, Option<Result<Condition, String>>>,
    language: Environment<'static>,
    templates: BTreeMap<String, Result<Prepared, String>>,
}

impl Compiled {
    pub(crate) fn new(plan: &PlanData) -> Self {
        let conditions = plan.stages.iter().map(|stage| {
            let condition = Condition::new(stage.when.as_deref()?);
            Some(condition.map_err(|fault| fault.message))
        });
        let mut compiled = Self {
            conditions: Table::of(conditions),
            language: LANGUAGE.clone(),
            templates: BTreeMap::new(),
        };
        for put in plan.stages.iter().flat_map(|stage| &stage.put) {
            compiled.add(&put.path);
            if let PutSource::Template(path) = &put.source
                && let Some(text) = plan.files.get(path)
            {
                compiled.add(text);
            }
        }
        compiled
    }

    /// A template is known by its own text: two with the same text are one.
    fn add(&mut self, text: &str) {
        if self.templates.contains_key(text) {
            return;
        }
        let prepared = crate::expression::parse_template(text)
            .map_err(|fault| fault.message)
            .and_then(|uses| {
                self.language
                    .add_template_owned(text.to_owned(), text.to_owned())
                    .map_err(|error| reason(&error))?;
                Ok(Prepared { uses })
            });
        self.templates.insert(text.to_owned(), prepared);
    }

    /// What the condition of a stage names; nothing where it has none.
    pub(crate) fn condition_uses(&self, stage: StageIx) -> Option<&Uses> {
        match self.conditions[stage].as_ref()? {
            Ok(condition) => Some(&condition.uses),
            Err(_) => None,
        }
    }

    /// What the template with this text names.
    pub(crate) fn template_uses(&self, text: &str) -> Option<&Uses> {
        Some(&self.templates.get(text)?.as_ref().ok()?.uses)
    }

    /// Whether the stage is to run on the host.
    pub(crate) fn decide(
        &self,
        shared: &Arc<Shared>,
        at: At<'_>,
        facts: &Facts,
    ) -> Result<bool, ExpressionError> {
        let failed = |reason: &str| at.failed("the condition", reason);
        let condition = match &self.conditions[at.place] {
            Some(Ok(condition)) => condition,
            Some(Err(fault)) => return Err(failed(fault)),
            None => return Ok(true),
        };
        let context = shared.for_host(at.host, at.role, &condition.uses, facts, at.stage)?;
        condition
            .decide(context)
            .map_err(|undecided| match undecided {
                Undecided::Other(found) => ExpressionError::NotBool {
                    stage: at.stage.clone(),
                    found,
                },
                Undecided::Failed(reason) => failed(&reason),
            })
    }

    /// The text of a template for the host. `what` names it: "the template `x`".
    pub(crate) fn render(
        &self,
        shared: &Arc<Shared>,
        at: At<'_>,
        what: &str,
        text: &str,
        facts: &Facts,
    ) -> Result<String, ExpressionError> {
        let failed = |reason: &str| at.failed(what, reason);
        let prepared = match self.templates.get(text) {
            Some(Ok(prepared)) => prepared,
            Some(Err(fault)) => return Err(failed(fault)),
            None => return Err(ExpressionError::Unknown(what.to_owned())),
        };
        let context = shared.for_host(at.host, at.role, &prepared.uses, facts, at.stage)?;
        self.language
            .get_template(text)
            .and_then(|template| template.render(context))
            .map_err(|error| match error.line() {
                Some(line) => failed(&format!("line {line}: {}", reason(&error)))
                    .at_range(error.range().unwrap_or_else(|| line_of(text, line))),
                None => failed(&reason(&error)),
            })
    }
}

/// The bytes of a line, counted from 1, without its end.
fn line_of(text: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for (at, whole) in text.split_inclusive('\n').enumerate() {
        if at + 1 == line {
            return start..start + whole.trim_end().len();
        }
        start += whole.len();
    }
    text.len()..text.len()
}

/// The stage and the host in question.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) stage: &'a StageId,
    pub(crate) place: StageIx,
    pub(crate) host: &'a HostName,
    pub(crate) role: &'a str,
}

impl At<'_> {
    fn failed(&self, what: &str, reason: &str) -> ExpressionError {
        ExpressionError::Failed {
            stage: self.stage.clone(),
            what: what.to_owned(),
            reason: reason.to_owned(),
            template: None,
        }
    }
}
