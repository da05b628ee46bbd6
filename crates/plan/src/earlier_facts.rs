//! Facts of hosts that take no part in a run, by what earlier runs of the cluster were told.
//!
//! A script that is given a fact of all hosts decides by it what to do: whether there is a cluster yet, or
//! which certificate is right. With `--on` most hosts tell nothing, and what they told before has to stand in
//! for that; where nobody knows it, that is said before anything is done.

use std::collections::BTreeMap;

use crate::earlier_fact::{EarlierFact, EarlierFacts};
use crate::fact_kind::LONGEST_FACT;
use crate::ids::{HostName, StageId};
use crate::ix::StageIx;
use crate::plan::{ClusterHost, Facts, Plan};
use crate::prepared::PreparedPlan;
use crate::recipe::facts_told;
use crate::stage_parts::Action;
use crate::values::At;

/// An earlier run of the same cluster.
#[derive(Clone, Debug, Default)]
pub struct EarlierRun {
    /// Its name.
    pub run: String,
    /// The hosts that it knows.
    pub hosts: BTreeMap<HostName, EarlierHost>,
}

/// What an earlier run knows of a host.
#[derive(Clone, Debug)]
pub struct EarlierHost {
    /// Who it was then.
    pub host: ClusterHost,
    /// What it told in that run, and when.
    pub told: BTreeMap<String, (String, i64)>,
    /// The scripts that came to their end there, or were not needed, and when.
    pub scripts: BTreeMap<String, i64>,
    /// What that run knew itself of a host that it left out.
    pub earlier: BTreeMap<String, EarlierFact>,
}

/// A fact that nobody knows of hosts that would tell it if they took part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFact {
    /// The fact.
    pub fact: String,
    /// The first stage that is given it.
    pub stage: StageId,
    /// The hosts, in the cluster file's order.
    pub hosts: Vec<HostName>,
    /// Whether all of them tell it when they are asked for their facts.
    pub by_facts_script: bool,
}

/// Looks through earlier runs for the facts that a plan's scripts are to be given of hosts left out.
pub struct FactSearch<'p> {
    plan: &'p PreparedPlan,
    /// The facts that are needed, and the first and the last stage that needs each.
    needed: BTreeMap<&'p str, (StageIx, StageIx)>,
    /// The scripts that may tell each of them.
    tellers: BTreeMap<&'p str, Vec<Teller<'p>>>,
    hosts: Vec<Sought<'p>>,
}

/// A script that may tell a fact.
struct Teller<'p> {
    script: &'p str,
    /// The stage that runs it; none: it reads the facts of every host.
    stage: Option<StageIx>,
}

/// A host that is left out, and what was found of it.
struct Sought<'p> {
    host: &'p ClusterHost,
    found: BTreeMap<&'p str, EarlierFact>,
    /// All that is known of it, for conditions.
    facts: Facts,
}

impl<'p> FactSearch<'p> {
    /// What has to be known of hosts left out; nothing where no script asks for it.
    pub fn new(plan: &'p PreparedPlan) -> Self {
        let mut needed: BTreeMap<&str, (StageIx, StageIx)> = BTreeMap::new();
        for at in plan.stage_ixs() {
            let mut tasks = plan.tasks_of_stage(at).map(|task| plan.task(task));
            let runs = tasks.any(|task| plan.condition_now(at, task.host) != Some(false));
            for fact in plan.stage(at).all_facts.iter().filter(|_| runs) {
                let known = needed.entry(fact).or_insert((at, at));
                known.1 = at;
            }
        }
        let scripts = plan
            .stage_ixs()
            .filter_map(|at| match &plan.stage(at).action {
                Action::Run(script) | Action::Until(script) => Some((Some(at), script.as_str())),
                Action::Put | Action::Reboot => None,
            });
        let reads = plan.facts_script.as_deref().map(|script| (None, script));
        let told: Vec<_> = reads
            .into_iter()
            .chain(scripts)
            .filter_map(|(stage, script)| {
                let text = plan.files.get(script)?;
                Some((stage, script, facts_told(text)))
            })
            .collect();
        let mut tellers: BTreeMap<&str, Vec<Teller<'_>>> = BTreeMap::new();
        for (fact, (_, last)) in &needed {
            // What comes later in the flow would not have told it by then.
            let in_time = || {
                let told = told.iter();
                told.filter(|(stage, ..)| stage.is_none_or(|stage| stage <= *last))
            };
            let is_named = in_time().any(|(.., told)| told.named.contains(fact));
            // Where no script names it, it is one of those whose names are put together when a script runs.
            let may_tell = in_time().filter(|(.., told)| match is_named {
                true => told.named.contains(fact),
                false => told.others,
            });
            let of_fact = may_tell.map(|(stage, script, _)| Teller {
                script,
                stage: *stage,
            });
            tellers.insert(fact, of_fact.collect());
        }
        let hosts = plan.left_out().filter(|_| !needed.is_empty());
        let hosts = hosts.map(|host| Sought {
            host,
            found: BTreeMap::new(),
            facts: Facts::new(),
        });
        Self {
            plan,
            hosts: hosts.collect(),
            needed,
            tellers,
        }
    }

    /// Whether an older run may know something that is not known yet.
    pub fn goes_on(&self) -> bool {
        let mut hosts = self.hosts.iter();
        hosts.any(|host| host.found.len() < self.needed.len())
    }

    /// Takes from a run what newer ones did not know.
    pub fn look_at(&mut self, run: &EarlierRun) {
        let (plan, needed, tellers) = (self.plan, &self.needed, &self.tellers);
        for sought in &mut self.hosts {
            let Some(then) = run.hosts.get(&sought.host.name) else {
                continue;
            };
            if !is_same(&then.host, sought.host) {
                continue;
            }
            for (fact, (value, _)) in &then.told {
                if is_good(plan, fact, value) {
                    let known = sought.facts.entry(fact.clone());
                    known.or_insert_with(|| value.clone());
                }
            }
            for fact in needed.keys() {
                if sought.found.contains_key(fact) {
                    continue;
                }
                let of_fact = tellers.get(fact).map(Vec::as_slice).unwrap_or_default();
                if let Some(found) = found_in(plan, run, then, sought, fact, of_fact) {
                    sought.found.insert(fact, found);
                }
            }
        }
    }

    /// What was found, and what nobody knows.
    pub fn end(self) -> (EarlierFacts, Vec<MissingFact>) {
        let mut missing: Vec<MissingFact> = Vec::new();
        for (fact, (first, _)) in &self.needed {
            let of_fact = self
                .tellers
                .get(fact)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let mut by_facts_script = true;
            let hosts = self.hosts.iter().filter(|sought| {
                let would = would_tell(self.plan, sought, of_fact);
                let lacks = !sought.found.contains_key(fact) && !would.is_empty();
                if lacks {
                    by_facts_script &= would.iter().any(|teller| teller.stage.is_none());
                }
                lacks
            });
            let hosts: Vec<HostName> = hosts.map(|sought| sought.host.name.clone()).collect();
            if !hosts.is_empty() {
                missing.push(MissingFact {
                    fact: (*fact).to_owned(),
                    stage: self.plan.stage(*first).id.clone(),
                    hosts,
                    by_facts_script,
                });
            }
        }
        let known = self
            .hosts
            .into_iter()
            .filter(|sought| !sought.found.is_empty());
        let known = known.map(|sought| {
            let facts = sought.found.into_iter();
            let facts = facts.map(|(fact, found)| (fact.to_owned(), found));
            (sought.host.name.clone(), facts.collect())
        });
        (known.collect(), missing)
    }
}

/// What a run knows of a fact of a host.
fn found_in(
    plan: &PreparedPlan,
    run: &EarlierRun,
    then: &EarlierHost,
    sought: &Sought<'_>,
    fact: &str,
    tellers: &[Teller<'_>],
) -> Option<EarlierFact> {
    if let Some((value, told_ms)) = then.told.get(fact) {
        return is_good(plan, fact, value).then(|| EarlierFact {
            value: Some(value.clone()),
            run: run.run.clone(),
            told_ms: *told_ms,
        });
    }
    if let Some(known) = then.earlier.get(fact) {
        let value = known.value.as_ref();
        let is_good = value.is_none_or(|value| is_good(plan, fact, value));
        return is_good.then(|| known.clone());
    }
    // All that would have told it has ended there, and it was not told.
    let would = would_tell(plan, sought, tellers);
    let ended = would.iter().map(|teller| then.scripts.get(teller.script));
    let ended = ended.collect::<Option<Vec<_>>>()?;
    Some(EarlierFact {
        value: None,
        run: run.run.clone(),
        told_ms: **ended.iter().min()?,
    })
}

/// The scripts that would tell a fact on this host, if it took part.
fn would_tell<'t>(
    plan: &PreparedPlan,
    sought: &Sought<'_>,
    tellers: &'t [Teller<'t>],
) -> Vec<&'t Teller<'t>> {
    let would = |teller: &&Teller<'_>| match teller.stage {
        None => true,
        Some(at) => {
            plan.stage(at).roles.contains(&sought.host.role) && !is_skipped(plan, at, sought)
        }
    };
    tellers.iter().filter(would).collect()
}

/// Whether a stage's condition is false on the host, as far as anybody can tell.
fn is_skipped(plan: &PreparedPlan, stage: StageIx, sought: &Sought<'_>) -> bool {
    let at = At {
        stage: &plan.stage(stage).id,
        place: stage,
        host: &sought.host.name,
        role: sought.host.role.as_str(),
    };
    let decided = plan.compiled.decide(&plan.shared, at, &sought.facts);
    matches!(decided, Ok(false))
}

/// What comes from a file is as bounded as what a host says.
fn is_good(plan: &Plan, fact: &str, value: &str) -> bool {
    let kind = plan.fact_kinds.get(fact);
    kind.is_some_and(|kind| kind.holds(value)) && value.len() <= LONGEST_FACT
}

/// Whether this is the same machine, as far as the cluster file tells: another one by the name has told nothing.
fn is_same(then: &ClusterHost, now: &ClusterHost) -> bool {
    let identity = |host: &ClusterHost| {
        let private = host.private_address.clone();
        (host.role.clone(), host.address.clone(), private)
    };
    identity(then) == identity(now)
}

#[cfg(test)]
mod tests;
