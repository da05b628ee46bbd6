//! A run in which everything happens, on as many hosts as wanted, all of which would like to be more than text.

use phalanx_events::{
    EventKind, Failure, FailureKind, Outcome, ReportedProblem, ReportedSeverity, RunOutcome,
    TaskEnd,
};
use phalanx_plan::{Action, Gate, HostName, PlannedStage, PreparedPlan, StageId};
use std::sync::Arc;

use super::{Story, already, changed, not_run, plan, skipped, stage};

/// What becomes of a host: by its number, again and again.
pub(crate) const FATES: [&str; 8] = [
    "done",
    "already",
    "failed",
    "missing",
    "retried",
    "late",
    "cancelled",
    "open",
];

/// Text that a page might take for markup, or show as something else.
pub(crate) const HOSTILE: [&str; 6] = [
    "<script>document.title='gone'</script>",
    "\"><img src=x onerror=\"document.title='gone'\">",
    "</li></ul></span></details></script><iframe src=//gone>",
    "/etc/evil\u{202e}gpj.sh",
    "&lt;b&gt;&amp;&#x3c;b> ${1} {{2}} %3Cb%3E \u{0}\u{7}\u{1b}[31m",
    "' onfocus='document.title=1' autofocus='",
];

/// Far more than fits anywhere, without a place to break it.
pub(crate) fn very_long() -> String {
    "long".repeat(500)
}

/// The hosts' names.
pub(crate) fn names(hosts: usize) -> Vec<String> {
    let name = |index: usize| match (index % 8, HOSTILE.get(index % 8)) {
        (_, Some(text)) => format!("{text}{index}"),
        (6, None) => format!("{}{index}", &very_long()[..300]),
        _ => format!("worker-{index}"),
    };
    (0..hosts).map(name).collect()
}

/// Stages for everybody, then one for the first host, which all the others wait for.
fn stages(steps: usize) -> Vec<PlannedStage> {
    let all = ["server", "worker"];
    let mut stages: Vec<PlannedStage> = (0..steps)
        .map(|step| stage(&format!("step-{step}"), &all, Action::Run("s.sh".into())))
        .collect();
    stages.push(stage("serve", &["server"], Action::Run("serve.sh".into())));
    stages.push(PlannedStage {
        after: vec![Gate::All(StageId::from("serve"))],
        ..stage("join", &["worker"], Action::Until("join.sh".into()))
    });
    stages
}

fn failure(text: &str) -> TaskEnd {
    TaskEnd {
        problems: vec![ReportedProblem {
            check: text.into(),
            severity: ReportedSeverity::Warning,
            text: text.into(),
            fix: text.into(),
        }],
        ..TaskEnd::failed(
            Failure::new(FailureKind::Script, text)
                .advice(text)
                .lines(vec![text.into(), very_long()]),
        )
    }
}

/// Each step takes ten seconds at most; the last one ends as the host's fate is.
pub(crate) fn run(hosts: usize, steps: usize) -> (Arc<PreparedPlan>, Story) {
    let names = names(hosts);
    let role = |index| if index == 0 { "server" } else { "worker" };
    let roles: Vec<(&str, &str)> = names
        .iter()
        .enumerate()
        .map(|(index, name)| (name.as_str(), role(index)))
        .collect();
    let plan = plan(&roles, stages(steps));
    let mut story = Story::new(&plan);
    let over = steps as u64 * 10_000 + 30_000;
    for (index, name) in names.iter().enumerate() {
        let text = HOSTILE[index % HOSTILE.len()];
        let shift = (index as u64 * 37) % 900;
        if FATES[index % 8] == "missing" {
            never_seen(&mut story, &plan, name, over, text);
            continue;
        }
        story.connected(100 + shift, &[name]);
        story.add(
            200 + shift,
            EventKind::FactsRead {
                host: HostName::from(name.as_str()),
                facts: [(text.to_owned(), text.to_owned())].into(),
                boot: None,
                host_ms: Some(20),
            },
        );
        story.add(
            250 + shift,
            EventKind::HostNotice {
                host: HostName::from(name.as_str()),
                text: text.into(),
            },
        );
        for step in 0..steps - 1 {
            let from = step as u64 * 10_000 + 1_200 + shift;
            let to = from + 3_000 + (index as u64 * 13) % 5_000;
            story.task(from, to, &format!("step-{step}"), name, changed(&[text]));
        }
        let from = (steps as u64 - 1) * 10_000 + 1_200 + shift;
        last_step(
            &mut story,
            index,
            from,
            over,
            &format!("step-{}", steps - 1),
            name,
        );
    }
    let server = names[0].as_str();
    let from = steps as u64 * 10_000 + 500;
    story.task(from, from + 10_000, "serve", server, changed(&[]));
    for (index, name) in names.iter().enumerate().skip(1) {
        match FATES[index % 8] {
            "done" | "already" | "retried" => {
                let from = from + 10_100;
                story.task(from, from + 4_000, "join", name, already());
            }
            "failed" | "cancelled" => drop(story.ended(over, "join", name, not_run("it failed"))),
            _ => {}
        }
    }
    story.sort().over(over, RunOutcome::Failed);
    (plan, story)
}

fn never_seen(story: &mut Story, plan: &PreparedPlan, name: &str, over: u64, text: &str) {
    let failure = Failure::new(FailureKind::Unreachable, text);
    let host = HostName::from(name);
    story.add(5_000, EventKind::HostFailed { host, failure });
    for task in plan
        .tasks
        .iter()
        .filter(|task| task.id.host.as_str() == name)
    {
        story.ended(over, task.id.stage.as_str(), name, not_run(text));
    }
}

fn last_step(story: &mut Story, index: usize, from: u64, over: u64, stage: &str, name: &str) {
    let text = HOSTILE[index % HOSTILE.len()];
    match FATES[index % 8] {
        "done" => story.task(from, from + 6_000, stage, name, changed(&[text])),
        "already" => story.ended(from, stage, name, skipped(text)),
        "failed" => story.task(from, from + 6_000, stage, name, failure(text)),
        "retried" => {
            let again = TaskEnd {
                again: true,
                ..failure(text)
            };
            story.task(from, from + 1_000, stage, name, again);
            story.attempt(from + 3_000, stage, name, 2);
            story.ended(from + 5_000, stage, name, already())
        }
        // Given up, and come back when the others were through.
        "late" => {
            story.task(from, from + 1_000, stage, name, failure(text));
            story.attempt(over - 9_000, stage, name, 2);
            story.ended(over - 5_000, stage, name, changed(&[]))
        }
        "cancelled" => story.task(
            from,
            over - 100,
            stage,
            name,
            TaskEnd::new(Outcome::Cancelled),
        ),
        "open" => story.started(from, stage, name),
        other => unreachable!("{other} has no last step"),
    };
}
