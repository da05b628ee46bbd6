//! What a run that was knows of its hosts, for runs that come after it and leave hosts out.

use std::collections::BTreeMap;

use phalanx_events::journal::Journal;
use phalanx_events::{Event, EventKind, Origin, Outcome, TaskEnd};
use phalanx_plan::{Action, EarlierHost, EarlierRun, HostName, Plan, StageId, TaskId};

use crate::run_folder::{RunFolder, RunFolderError};

/// What this run was told, where it is one of this cluster by this recipe, and began; and where it was carried out
/// last in the network of this lab, or outside of all labs: a lab's hosts may be called what real ones are.
///
/// # Errors
/// Where its journal or plan can't be read.
pub fn earlier_run(
    folder: &RunFolder,
    cluster: &str,
    recipe: &str,
    lab: Option<&str>,
) -> Result<Option<EarlierRun>, RunFolderError> {
    let journal: Journal = folder.journal()?;
    let is_here = Origin::last_of(&journal.events).and_then(|origin| origin.lab.as_deref()) == lab;
    let is_meant = journal.events.iter().any(|event| match &event.kind {
        EventKind::RunStarted(run) => run.cluster == cluster && run.recipe == recipe,
        _ => false,
    });
    if !is_here || !is_meant {
        return Ok(None);
    }
    let plan = folder.plan()?;
    Ok(Some(told(folder.id().as_str(), &plan, &journal.events)))
}

/// What the events of a run say of the hosts that its plan knows.
fn told(run: &str, plan: &Plan, events: &[Event]) -> EarlierRun {
    let stages = plan.stages.iter().filter_map(|stage| match &stage.action {
        Action::Run(script) | Action::Until(script) => Some((&stage.id, script)),
        Action::Put | Action::Reboot => None,
    });
    let scripts: BTreeMap<&StageId, &String> = stages.collect();
    let mut hosts: BTreeMap<HostName, EarlierHost> = BTreeMap::new();
    for host in &plan.roster {
        let known = EarlierHost {
            host: host.clone(),
            told: BTreeMap::new(),
            scripts: BTreeMap::new(),
            earlier: plan
                .earlier_facts
                .get(&host.name)
                .cloned()
                .unwrap_or_default(),
        };
        hosts.insert(host.name.clone(), known);
    }
    let mut ends: BTreeMap<&TaskId, (bool, i64)> = BTreeMap::new();
    for event in events {
        let at = event.at.as_millisecond();
        let (host, facts) = match &event.kind {
            EventKind::FactsRead { host, facts, .. } => (host, facts),
            EventKind::TaskEnded { task, end, .. } => {
                ends.insert(task, (came_to_its_end(end), at));
                (&task.host, &end.facts)
            }
            _ => continue,
        };
        let Some(known) = hosts.get_mut(host) else {
            continue;
        };
        // Whoever says anything has been asked for its facts before.
        if let (EventKind::FactsRead { .. }, Some(script)) = (&event.kind, &plan.facts_script) {
            known.scripts.insert(script.clone(), at);
        }
        for (fact, value) in facts {
            known.told.insert(fact.clone(), (value.clone(), at));
        }
    }
    // A script that several stages run has to have ended in all of them.
    let mut open: Vec<(&HostName, &String)> = Vec::new();
    for (task, (is_done, at)) in ends {
        let Some(script) = scripts.get(&task.stage) else {
            continue;
        };
        match hosts.get_mut(&task.host) {
            Some(known) if is_done => drop(known.scripts.insert((*script).clone(), at)),
            Some(_) => open.push((&task.host, script)),
            None => {}
        }
    }
    for (host, script) in open {
        if let Some(known) = hosts.get_mut(host) {
            known.scripts.remove(script);
        }
    }
    let run = run.to_owned();
    EarlierRun { run, hosts }
}

/// Whether what the script would have told of the host is known by this. One that the operator skipped might have
/// told anything.
fn came_to_its_end(end: &TaskEnd) -> bool {
    match end.outcome {
        Outcome::Skipped { by_operator, .. } => !by_operator,
        ref outcome => outcome.is_done() && !end.again,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn plan() -> Plan {
        serde_json::from_str(include_str!("../../../fuzz/seeds/plan/plan.json")).unwrap()
    }

    fn ended(stage: &str, host: &str, outcome: Outcome, facts: &[(&str, &str)]) -> EventKind {
        let facts = facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        EventKind::TaskEnded {
            task: TaskId::new(stage, host),
            attempt: 1,
            end: TaskEnd {
                facts: facts.collect(),
                ..TaskEnd::new(outcome)
            },
        }
    }

    #[test]
    fn facts_are_known_with_their_time_and_scripts_where_they_ended() {
        let plan = plan();
        let stage = plan.stages.iter().find_map(|stage| match &stage.action {
            Action::Run(script) | Action::Until(script) => Some((stage.id.to_string(), script)),
            _ => None,
        });
        let (stage, script) = stage.unwrap();
        let host = plan.hosts[0].name.to_string();
        let mut events = Vec::new();
        for (seq, kind) in [
            ended(&stage, &host, Outcome::Changed, &[("a", "1"), ("b", "1")]),
            ended("nowhere", "nobody", Outcome::Changed, &[("a", "1")]),
            ended("nowhere", &host, Outcome::Changed, &[("b", "2")]),
        ]
        .into_iter()
        .enumerate()
        {
            events.push(Event {
                seq: seq as u64 + 1,
                at: Timestamp::from_millisecond(1_000 * seq as i64).unwrap(),
                ms: 0,
                kind,
            });
        }
        let run = told("r1", &plan, &events);
        assert_eq!(run.hosts.len(), plan.roster.len());
        let known = &run.hosts[host.as_str()];
        assert_eq!(known.told["a"], ("1".to_owned(), 0));
        assert_eq!(known.told["b"], ("2".to_owned(), 2_000));
        assert_eq!(known.scripts.get(script), Some(&0));
        let skipped = |by_operator| Outcome::Skipped {
            reason: "so".to_owned(),
            by_operator,
        };
        for (outcome, is_known) in [
            (skipped(false), true),
            (skipped(true), false),
            (Outcome::Failed, false),
        ] {
            let mut events = events.clone();
            events.push(Event {
                seq: 9,
                at: Timestamp::UNIX_EPOCH,
                ms: 0,
                kind: ended(&stage, &host, outcome.clone(), &[]),
            });
            let run = told("r1", &plan, &events);
            let known = run.hosts[host.as_str()].scripts.contains_key(script);
            assert_eq!(known, is_known, "{outcome:?}");
        }
    }
}
