//! Whether a stage that is given a fact of all hosts waits until they have told it.

use std::collections::{BTreeMap, BTreeSet};

use super::facts_told::facts_told;
use super::{Flow, Recipe, Role, Stage};
use crate::ids::RoleName;
use crate::problem::{Problem, Problems};
use crate::stage_parts::{Action, Gate};

/// In a flow with more stages, each counted for every role that takes part, nobody looks: it takes the square of it.
const MOST_PARTS: usize = 1000;

/// Tells the stages that may be given a fact before those hosts have told it that tell it in a stage above; and, of a
/// recipe that was read as a whole, those that are given what nobody tells before.
pub(super) fn check(recipe: &Recipe, complete: bool) -> Problems {
    let mut problems = Problems::new();
    let flows = recipe.flows.iter();
    let wanted = |flow: &&Flow| {
        let any = flow.stages.iter().any(|stage| !stage.all_facts.is_empty());
        let parts: usize = flow.stages.iter().map(|stage| stage.roles.len()).sum();
        any && parts <= MOST_PARTS
    };
    let mut read: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for flow in flows.filter(wanted) {
        let told: Vec<BTreeSet<String>> = flow
            .stages
            .iter()
            .map(|stage| match &stage.action {
                Action::Run(path) | Action::Until(path) => read
                    .entry(path)
                    .or_insert_with(|| told_by(recipe, path))
                    .clone(),
                Action::Put | Action::Reboot => BTreeSet::new(),
            })
            .collect();
        let by_facts = recipe
            .facts_script
            .as_ref()
            .map(|path| told_by(recipe, path));
        let scripts = flow.stages.iter().filter_map(|stage| match &stage.action {
            Action::Run(path) | Action::Until(path) => Some(path),
            Action::Put | Action::Reboot => None,
        });
        let mut scripts = scripts.chain(&recipe.facts_script);
        let all_known = complete && scripts.all(|path| tells_only_named(recipe, path));
        for (at, stage) in flow.stages.iter().enumerate() {
            if stage.all_facts.is_empty() {
                continue;
            }
            if all_known {
                let above = told.get(..at).unwrap_or_default();
                let by_others = above.iter().chain(&by_facts);
                let by_others: BTreeSet<&String> = by_others.flatten().collect();
                check_told(recipe, stage, &by_others, &mut problems);
            }
            check_stage(recipe, flow, at, &told, &mut problems);
        }
    }
    problems
}

/// Tells the facts that no script tells before the stage begins.
fn check_told(recipe: &Recipe, stage: &Stage, told: &BTreeSet<&String>, problems: &mut Problems) {
    let known = |fact: &&String| recipe.fact_kinds.contains_key(*fact);
    for fact in stage.all_facts.iter().filter(known) {
        if !told.contains(fact) {
            let message = format!(
                "the stage `{}` is given `{fact}` of all hosts, and no script that runs before it tells that",
                stage.id.value
            );
            let problem = Problem::warning("recipe::facts-not-told", message)
                .at(&recipe.source, stage.id.span, "is given nothing")
                .help(format!(
                    "a script of a stage above tells it: `fact {fact} VALUE`"
                ));
            problems.push(problem);
        }
    }
}

/// Whether the names of all facts that a script tells stand in it.
fn tells_only_named(recipe: &Recipe, path: &str) -> bool {
    let text = recipe.files.text(path);
    text.is_some_and(|text| text.is_ok_and(|source| !facts_told(source.text()).others))
}

/// The facts that a script tells, as far as its text says so.
fn told_by(recipe: &Recipe, path: &str) -> BTreeSet<String> {
    let Some(Ok(source)) = recipe.files.text(path) else {
        return BTreeSet::new();
    };
    let told = facts_told(source.text());
    if told.others {
        return BTreeSet::new();
    }
    told.named.into_iter().map(str::to_owned).collect()
}

fn check_stage(
    recipe: &Recipe,
    flow: &Flow,
    at: usize,
    told: &[BTreeSet<String>],
    problems: &mut Problems,
) {
    let Some((stage, above)) = flow.stages.get(at).zip(flow.stages.get(..at)) else {
        return;
    };
    let awaited = awaited(recipe, &flow.stages, at);
    let mut facts: Vec<&str> = Vec::new();
    // The stages that tell them and are not waited for.
    let mut wanted: BTreeSet<usize> = BTreeSet::new();
    for fact in &stage.all_facts {
        let tells = |at: &usize| told.get(*at).is_some_and(|told| told.contains(fact));
        // By role, the last stage that its hosts tell it in, and whether one of those has ended.
        let mut roles: BTreeMap<&RoleName, (usize, bool)> = BTreeMap::new();
        for teller in (0..above.len()).filter(tells) {
            for role in above.get(teller).into_iter().flat_map(|stage| &stage.roles) {
                let (last, any) = roles.entry(role).or_insert((teller, false));
                *last = teller;
                *any |= awaited.contains(&(teller, role));
            }
        }
        let early = roles.values().filter(|(_, ended)| !ended);
        let early: BTreeSet<usize> = early.map(|(teller, _)| *teller).collect();
        if !early.is_empty() {
            facts.push(fact);
            wanted.extend(early);
        }
    }
    if facts.is_empty() {
        return;
    }
    let tellers = wanted.iter().filter_map(|at| above.get(*at));
    let tellers: Vec<&str> = tellers.map(|stage| stage.id.value.as_str()).collect();
    let (facts, names) = (facts.join("`, `"), tellers.join("`, `"));
    let problem = Problem::warning(
        "recipe::facts-not-awaited",
        format!(
            "the stage `{}` may begin before every host has told `{facts}`: it does not wait for `{names}` on all of them",
            stage.id.value
        ),
    )
    .at(&recipe.source, stage.id.span, "may begin too early")
    .help(format!("write `after: [{}]`", wanted_gates(stage, &tellers)));
    problems.push(problem);
}

/// The gates of a stage, with those on all hosts of the stages that tell.
fn wanted_gates(stage: &Stage, tellers: &[&str]) -> String {
    let mut gates: Vec<String> = Vec::new();
    for gate in stage.after.iter().flatten() {
        match gate {
            Gate::Own(own) if tellers.contains(&own.as_str()) => {}
            Gate::Own(own) => gates.push(own.to_string()),
            Gate::All(all) => gates.push(format!("{{ all: {all} }}")),
        }
    }
    gates.extend(tellers.iter().map(|teller| format!("{{ all: {teller} }}")));
    gates.join(", ")
}

/// The stages that have ended on every host of these roles, whichever host the stage begins on.
fn awaited<'s>(recipe: &Recipe, stages: &'s [Stage], at: usize) -> BTreeSet<(usize, &'s RoleName)> {
    let mut common: Option<BTreeSet<(usize, &RoleName)>> = None;
    for role in stages.get(at).into_iter().flat_map(|stage| &stage.roles) {
        let ended = ended_before(recipe, stages, at, role);
        common = Some(match common {
            None => ended,
            Some(common) => common.intersection(&ended).copied().collect(),
        });
    }
    common.unwrap_or_default()
}

/// The same where the stage begins on a host of this role.
fn ended_before<'s>(
    recipe: &Recipe,
    stages: &'s [Stage],
    at: usize,
    role: &'s RoleName,
) -> BTreeSet<(usize, &'s RoleName)> {
    // A stage, a role, and whether it is known of all hosts of the role: else of one.
    let mut seen: BTreeSet<(usize, &RoleName, bool)> = BTreeSet::new();
    let mut open = waits_for(stages, at, role);
    while let Some((stage, role, all)) = open.pop() {
        // One host is all of them where a role has no more.
        let alone = |role: &Role| !role.count.allows(2) && role.count.nearest(1).1.is_none();
        let all = all || recipe.role(role.as_str()).is_some_and(alone);
        if !seen.insert((stage, role, all)) {
            continue;
        }
        let waits = waits_for(stages, stage, role);
        open.extend(
            waits
                .into_iter()
                .map(|(next, of, every)| (next, of, all || every)),
        );
    }
    let all = seen.into_iter().filter(|(_, _, all)| *all);
    all.map(|(stage, role, _)| (stage, role)).collect()
}

/// What a stage waits for where it begins on a host of this role: on the same host, or on all hosts of a role.
fn waits_for<'s>(
    stages: &'s [Stage],
    at: usize,
    role: &'s RoleName,
) -> Vec<(usize, &'s RoleName, bool)> {
    let Some((stage, above)) = stages.get(at).zip(stages.get(..at)) else {
        return Vec::new();
    };
    let Some(gates) = &stage.after else {
        let last = above.iter().rposition(|above| above.roles.contains(role));
        return last.map(|last| (last, role, false)).into_iter().collect();
    };
    let mut waits = Vec::new();
    for gate in gates {
        let (Gate::Own(id) | Gate::All(id)) = gate;
        let named = above.iter().position(|above| above.id.value == *id);
        let Some((named, stage)) = named.and_then(|named| Some((named, above.get(named)?))) else {
            continue;
        };
        match gate {
            Gate::Own(_) if stage.roles.contains(role) => waits.push((named, role, false)),
            Gate::Own(_) => {}
            Gate::All(_) => waits.extend(stage.roles.iter().map(|role| (named, role, true))),
        }
    }
    waits
}
