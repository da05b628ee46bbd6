//! What else the operator should know about hosts.

use std::collections::{BTreeMap, HashMap};

use phalanx_events::Outcome;
use phalanx_plan::{HostName, PreparedPlan, StageId, TaskId};

use crate::data::NoticeReport;
use crate::earlier_facts;
use crate::folding::Folding;
use crate::terminal_text::harmless;
use crate::timeline::Timeline;

fn is_skipped_by_operator(timeline: &Timeline, task: &TaskId) -> bool {
    let end = timeline
        .tasks
        .get(task)
        .and_then(|times| times.end.as_ref());
    end.is_some_and(|end| {
        matches!(
            end.outcome,
            Outcome::Skipped {
                by_operator: true,
                ..
            }
        )
    })
}

/// What is the same of several hosts as one.
pub(super) fn notices(
    plan: &PreparedPlan,
    timeline: &Timeline,
    folding: &Folding,
) -> Vec<NoticeReport> {
    let mut folded: Vec<(NoticeReport, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut skipped_on: BTreeMap<&HostName, Vec<&StageId>> = BTreeMap::new();
    for task in &plan.tasks {
        if is_skipped_by_operator(timeline, &task.id) {
            let stages = skipped_on.entry(&task.id.host).or_default();
            stages.push(&task.id.stage);
        }
    }
    for host in &plan.hosts {
        let seen = timeline.hosts.get(&host.name);
        let left_out = seen
            .filter(|seen| seen.left_out)
            .map(|_| "left out of the run by the operator".to_owned());
        let skipped = skipped_on.remove(&host.name).unwrap_or_default();
        let skipped: Vec<String> = skipped
            .into_iter()
            .map(|stage| {
                format!("{stage} was skipped, as the operator wanted; a new run does it, `resume` does not")
            })
            .collect();
        for notice in left_out
            .iter()
            .chain(&skipped)
            .chain(seen.iter().flat_map(|seen| &seen.notices))
        {
            let text = harmless(&folding.neutral(&host.name, notice));
            let place = *places.entry(text.clone()).or_insert(folded.len());
            match folded.get_mut(place) {
                Some((known, _)) => known.hosts.push(host.name.clone()),
                None => {
                    let hosts = vec![host.name.clone()];
                    folded.push((NoticeReport { text, hosts }, harmless(notice)));
                }
            }
        }
    }
    let own = folded.into_iter().map(|(mut notice, own_words)| {
        if notice.hosts.len() == 1 {
            notice.text = own_words;
        }
        notice
    });
    let earlier = earlier_facts::notices(plan, timeline.started_at);
    own.chain(earlier).collect()
}
