//! Problems that scripts reported, equal ones of many hosts as one.

use std::collections::{BTreeMap, BTreeSet};

use phalanx_plan::PreparedPlan;

use crate::data::ProblemReport;
use crate::folding::Folding;
use crate::terminal_text::harmless;
use crate::timeline::Timeline;

/// All of them, the worst first.
pub(super) fn problems(
    plan: &PreparedPlan,
    timeline: &Timeline,
    folding: &Folding,
) -> Vec<ProblemReport> {
    let mut folded: Vec<ProblemReport> = Vec::new();
    let mut own_words: Vec<(String, String)> = Vec::new();
    let mut places = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for task in &plan.tasks {
        let end = timeline
            .tasks
            .get(&task.id)
            .and_then(|times| times.end.as_ref());
        let host = &task.id.host;
        for problem in end.iter().flat_map(|end| &end.problems) {
            let text = harmless(&folding.neutral(host, &problem.text));
            let fix = harmless(&folding.neutral(host, &problem.fix));
            let key = (
                problem.severity,
                problem.check.clone(),
                text.clone(),
                fix.clone(),
            );
            let place = *places.entry(key).or_insert(folded.len());
            let is_new = seen.insert((place, host));
            match folded.get_mut(place) {
                Some(known) if is_new => known.hosts.push(host.clone()),
                Some(_) => {}
                None => {
                    own_words.push((harmless(&problem.text), harmless(&problem.fix)));
                    folded.push(ProblemReport {
                        severity: problem.severity,
                        check: problem.check.clone(),
                        text,
                        fix,
                        hosts: vec![host.clone()],
                    });
                }
            }
        }
    }
    for (problem, (text, fix)) in folded.iter_mut().zip(own_words) {
        if problem.hosts.len() == 1 {
            (problem.text, problem.fix) = (text, fix);
        }
        problem.check = harmless(&problem.check);
    }
    folded.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    folded
}
