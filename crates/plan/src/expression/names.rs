//! Which names an expression may use, and what is wrong with one that uses others.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::known::{FILTERS, HOST_ATTRIBUTES, TESTS, instead_of_filter, instead_of_test};
use super::truth::Part;
use super::uses::{Attribute, Place};
use super::{Fault, Uses, is_filter, is_test};
use crate::fact_kind::FactKind;
use crate::problem::MAX_PROBLEMS;
use crate::suggest::did_you_mean;

/// What everybody sees.
const BUILT_IN: [&str; 4] = ["release", "hosts", "cluster", "flow"];
/// What is seen where there is one host in question.
const OF_A_HOST: [&str; 2] = ["host", "role"];
/// What the language brings along.
const FUNCTIONS: [&str; 2] = ["range", "dict"];

/// Whether `name` means something in every expression, so that no setting or fact may have it.
pub(crate) fn is_reserved(name: &str) -> bool {
    BUILT_IN.contains(&name) || OF_A_HOST.contains(&name) || FUNCTIONS.contains(&name)
}

/// Whether `name` is a function of the language.
pub(crate) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Whether a setting can be true or false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// It is true or false.
    Bool,
    /// It is something else.
    Other,
    /// The schema doesn't say.
    Unknown,
}

/// The names that an expression may use.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The settings.
    pub settings: BTreeMap<String, SettingKind>,
    /// Settings that must not be seen: an expression that names one is refused.
    pub secrets: BTreeSet<String>,
    /// The facts.
    pub facts: BTreeMap<String, FactKind>,
    /// Whether there is a host in question; rules know none.
    pub on_a_host: bool,
    /// Whether there may be names that are not among these, since they could not be read.
    pub open: bool,
}

impl Names {
    /// Everything wrong with the condition `text`, syntax included; it must be true or false.
    pub fn check_condition(&self, text: &str) -> Vec<Fault> {
        let mut faults = match super::parse_expression(text) {
            Ok(uses) => {
                let mut faults = self.check(&uses);
                let whole =
                    |(part, range): &(Part, Range<usize>)| self.check_truth(part, range, text);
                faults.extend(uses.parts.iter().filter_map(whole));
                faults
            }
            Err(fault) => vec![fault],
        };
        fit(&mut faults, text);
        faults
    }

    /// Everything wrong with the template `text`, syntax included.
    pub fn check_template(&self, text: &str) -> Vec<Fault> {
        let mut faults = match super::parse_template(text) {
            Ok(uses) => self.check(&uses),
            Err(fault) => vec![fault],
        };
        fit(&mut faults, text);
        faults
    }

    /// Everything wrong with what is used.
    fn check(&self, uses: &Uses) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Vec::new();
        for (name, range) in &uses.names {
            // Of more than are told, nobody needs to know what was meant.
            let hint = faults.len() < MAX_PROBLEMS;
            faults.extend(self.check_name(name, range.clone(), hint));
        }
        let attributes = uses.host_attributes.iter();
        faults.extend(attributes.filter_map(|attribute| self.check_attribute(attribute)));
        let mut unknown_of = |places: &[Place],
                              what: &str,
                              is_known: &dyn Fn(&str) -> bool,
                              instead: &dyn Fn(&str) -> Option<&'static str>,
                              known: &[&'static str]| {
            for (name, range) in places.iter().filter(|(name, _)| !is_known(name)) {
                let message = format!("there is no {what} `{}`", name.escape_debug());
                let known = known.iter().copied();
                let mut fault = unknown(message, range.clone(), name, known);
                fault.help = instead(name).map(str::to_owned).or(fault.help);
                faults.push(fault);
            }
        };
        unknown_of(
            &uses.filters,
            "filter",
            &is_filter,
            &instead_of_filter,
            &FILTERS,
        );
        unknown_of(&uses.tests, "test", &is_test, &instead_of_test, &TESTS);
        faults.sort_by_key(|fault| fault.range.start);
        faults
    }

    fn check_name(&self, name: &str, range: Range<usize>, hint: bool) -> Option<Fault> {
        let refuse = |message: String, help: &str| {
            Some(Fault {
                range: range.clone(),
                message,
                label: "not here".into(),
                help: Some(help.to_owned()),
            })
        };
        if self.secrets.contains(name) {
            return refuse(
                format!("`{name}` is a secret, which no expression or template may name"),
                "hand it to the stage's script in the settings file's `secrets`",
            );
        }
        if !self.on_a_host && (OF_A_HOST.contains(&name) || self.facts.contains_key(name)) {
            return refuse(
                format!("`{name}` belongs to one host, and a rule is about the whole cluster"),
                "a rule may use settings, `release`, `cluster` and `hosts`",
            );
        }
        let known =
            self.settings.contains_key(name) || self.facts.contains_key(name) || is_reserved(name);
        (!known && !self.open).then(|| {
            let candidates = self
                .settings
                .keys()
                .chain(self.facts.keys())
                .map(String::as_str)
                .chain(BUILT_IN)
                .chain(OF_A_HOST)
                .filter(|_| hint);
            let mut fault = unknown(
                format!("`{name}` is neither a setting nor a fact"),
                range.clone(),
                name,
                candidates,
            );
            if fault.help.is_none() {
                fault.help = Some(
                    "declare it under `facts`, or in the schema of a settings file".to_owned(),
                );
            }
            fault
        })
    }

    fn check_attribute(&self, attribute: &Attribute) -> Option<Fault> {
        let (name, range) = &attribute.place;
        if HOST_ATTRIBUTES.contains(&name.as_str()) {
            return None;
        }
        let message = format!("a host has no `{}`", name.escape_debug());
        let mut fault = unknown(message, range.clone(), name, HOST_ATTRIBUTES);
        let is_fact = self.facts.contains_key(name);
        fault.help = match (is_fact, attribute.own, fault.help) {
            (true, true, _) => Some(format!(
                "write `{name}` alone: that is the fact of this host"
            )),
            (true, false, _) => Some(format!(
                "facts of other hosts are given to scripts only: write `all_facts: [{name}]` in a stage, and `px_facts {name}` in its script"
            )),
            (false, _, Some(close)) => Some(close),
            (false, false, None) => Some(format!(
                "it has `{}`; facts of other hosts are given to scripts only, by `all_facts`",
                HOST_ATTRIBUTES.join("`, `")
            )),
            (false, true, None) => Some(format!("it has `{}`", HOST_ATTRIBUTES.join("`, `"))),
        };
        Some(fault)
    }

    /// A part that is the condition's value, and no truth value.
    fn check_truth(&self, part: &Part, range: &Range<usize>, text: &str) -> Option<Fault> {
        let what = match part {
            Part::Is(what) => what,
            Part::Name(name) => match (self.facts.get(name), self.settings.get(name)) {
                (Some(FactKind::Text), _) => "a text",
                (Some(FactKind::Number), _) => "a number",
                (None, Some(SettingKind::Other)) => "a setting of another kind",
                (None, None) => match name.as_str() {
                    "release" | "cluster" | "flow" | "role" => "a text",
                    "hosts" => "a list",
                    "host" => "a host",
                    _ => return None,
                },
                _ => return None,
            },
        };
        let shown: String = text.get(range.clone())?.chars().take(60).collect();
        let help = match what {
            "a list" => format!("ask whether something is in it: `\"x\" in {shown}`"),
            "a host" => format!("ask for something of it: `{shown}.name == ...`"),
            _ => format!("compare it, such as `{shown} == ...`"),
        };
        Some(Fault {
            range: range.clone(),
            message: format!("`{shown}` is {what}, and a condition must be true or false"),
            label: (*what).to_owned(),
            help: Some(help),
        })
    }
}

fn unknown<'a>(
    message: String,
    range: Range<usize>,
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Fault {
    Fault {
        range,
        message,
        label: "unknown".into(),
        help: did_you_mean(name, candidates).map(|close| format!("did you mean `{close}`?")),
    }
}

/// Brings every place into the text: the parser's own may lie past its end, or within a character.
fn fit(faults: &mut [Fault], text: &str) {
    for fault in faults {
        let range = &mut fault.range;
        range.end = range.end.min(text.len());
        range.start = range.start.min(range.end);
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
    }
}
