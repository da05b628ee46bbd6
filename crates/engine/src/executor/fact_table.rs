//! What all hosts have told so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use phalanx_plan::{Facts, HostIx, HostName, PreparedPlan, Table};

/// Every host's facts. With many hosts that is a lot of text, so what scripts are given of it is made
/// once and shared.
pub(super) struct FactTable {
    /// Each host's place in the cluster file, by its place in the plan.
    places: Table<HostIx, usize>,
    /// By fact, and by the host's place in the cluster file.
    values: BTreeMap<String, BTreeMap<usize, String>>,
    /// By fact; only of those that were asked for and have not changed since.
    texts: BTreeMap<String, Arc<str>>,
}

impl FactTable {
    /// What was known before: of the hosts that take part, in their order, and of those that do not by what the
    /// plan says of them.
    pub(super) fn of(plan: &PreparedPlan, known: &Table<HostIx, Facts>) -> Self {
        let roster = plan.roster.iter().enumerate();
        let places: HashMap<&HostName, usize> = roster.map(|(at, host)| (&host.name, at)).collect();
        let place = |name: &HostName| places.get(name).copied().unwrap_or(usize::MAX);
        let mut told = Self {
            places: Table::of_hosts(plan, |host| place(&plan.host(host).name)),
            values: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        for (host, facts) in known.iter() {
            told.keep(host, facts);
        }
        for (host, facts) in &plan.earlier_facts {
            let told_before = facts
                .iter()
                .filter_map(|(fact, known)| Some((fact, known.value.as_ref()?)));
            for (fact, value) in told_before {
                let values = told.values.entry(fact.clone()).or_default();
                // Whoever takes part speaks for itself.
                values.entry(place(host)).or_insert_with(|| value.clone());
            }
        }
        told
    }

    /// Keeps what a host of the plan told.
    pub(super) fn keep(&mut self, host: HostIx, facts: &Facts) {
        let place = self.places[host];
        for (fact, value) in facts {
            let values = self.values.entry(fact.clone()).or_default();
            let before = values.insert(place, value.clone());
            if before.as_ref() != Some(value) {
                self.texts.remove(fact);
            }
        }
    }

    /// What a script is given of this fact of all hosts.
    pub(super) fn text(&mut self, plan: &PreparedPlan, fact: &str) -> Arc<str> {
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
