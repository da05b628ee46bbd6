//! What all hosts have told so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_plan::{Facts, Plan};

/// Every host's facts. With many hosts that is a lot of text, so what scripts are given of it is made
/// once and shared.
#[derive(Default)]
pub(crate) struct ToldFacts {
    /// By fact and host.
    values: BTreeMap<String, BTreeMap<usize, String>>,
    /// By fact; only of those that were asked for and have not changed since.
    texts: BTreeMap<String, Arc<str>>,
}

impl ToldFacts {
    /// What was known before, in the order of the plan's hosts.
    pub(crate) fn of(known: &[Facts]) -> Self {
        let mut told = Self::default();
        for (host, facts) in known.iter().enumerate() {
            told.keep(host, facts);
        }
        told
    }

    /// Keeps what a host told.
    pub(crate) fn keep(&mut self, host: usize, facts: &Facts) {
        for (fact, value) in facts {
            let values = self.values.entry(fact.clone()).or_default();
            let before = values.insert(host, value.clone());
            if before.as_ref() != Some(value) {
                self.texts.remove(fact);
            }
        }
    }

    /// What a script is given of this fact of all hosts.
    pub(crate) fn text(&mut self, plan: &Plan, fact: &str) -> Arc<str> {
        if let Some(text) = self.texts.get(fact) {
            return Arc::clone(text);
        }
        let none = BTreeMap::new();
        let values = self.values.get(fact).unwrap_or(&none);
        let text: Arc<str> = plan.facts_of_all(values).into();
        self.texts.insert(fact.to_owned(), Arc::clone(&text));
        text
    }
}
