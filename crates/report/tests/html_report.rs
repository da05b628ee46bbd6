//! The page of a run: it needs nothing else, and what came from hosts stays text.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use phalanx_events::{
    Event, EventKind, Failure, FailureKind, ReportedProblem, ReportedSeverity, RunOutcome,
    RunResumed, TaskEnd,
};
use phalanx_plan::{Action, Gate, PlannedStage, PreparedPlan, StageId, TaskId};
use phalanx_report::{HtmlContext, html};
use scenario::{Story, already, changed, hello, plan, stage};
use std::sync::Arc;

fn page(
    plan: &PreparedPlan,
    events: &[Event],
    log: &dyn Fn(&TaskId, u32) -> Option<String>,
) -> String {
    let report = scenario::report(plan, events);
    html(plan, events, &report, &HtmlContext { log })
}

/// Every way in which a host could try to be more than text.
const EVIL: &str =
    "</script><script>document.title='gone'</script>\"'><img src=x onerror=alert(1)>";

fn evil_run() -> (Arc<PreparedPlan>, Vec<Event>) {
    let plan = hello();
    let mut story = Story::new(&plan);
    story.connected(300, &["s1", "w1"]);
    story.add(
        310,
        EventKind::FactsRead {
            host: "w1".into(),
            facts: [("os".to_owned(), EVIL.to_owned())].into(),
            boot: None,
            host_ms: None,
        },
    );
    story.task(400, 1_400, "prepare", "s1", changed(&[EVIL]));
    let failure = Failure::new(FailureKind::Script, EVIL).advice(EVIL);
    let end = TaskEnd {
        problems: vec![ReportedProblem {
            check: EVIL.into(),
            severity: ReportedSeverity::Warning,
            text: EVIL.into(),
            fix: EVIL.into(),
        }],
        ..TaskEnd::failed(failure.lines(vec![EVIL.into()]))
    };
    story.task(400, 2_400, "prepare", "w1", end);
    story.over(3_000, RunOutcome::Failed);
    (plan, story.events.clone())
}

#[test]
fn what_came_from_hosts_stays_text() {
    let (plan, events) = evil_run();
    for log in [None, Some(EVIL.to_owned())] {
        let page = page(&plan, &events, &|_, _| log.clone());
        assert!(
            page.matches("&lt;img src=x onerror=alert(1)&gt;").count() >= 7,
            "{page}"
        );
        assert!(!page.contains("<img"), "a tag of a host's");
        assert_eq!(page.matches("<script>").count(), 1, "a script of a host's");
        // Nothing is loaded from anywhere.
        for word in ["http:", "https:", "src=\"", "url(", "@import", "//cdn"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn everything_is_there_without_scripts() {
    let (plan, events) = evil_run();
    let page = page(&plan, &events, &|_, _| Some("the last line\n".into()));
    for word in [
        "<h2 id=\"time\">",
        "<h2 id=\"critical\">",
        "<h2 id=\"stages\">",
        "<h2 id=\"hosts\">",
        "<h2 id=\"facts\">",
        "the last line",
        "the end of the log on w1",
        "data-host=\"w3\"",
        "prefers-color-scheme: dark",
        "@media print",
        "aria-label=\"w1, failed, worked 2.0 s\"",
    ] {
        assert!(page.contains(word), "{word} is not in\n{page}");
    }
    // Tags are closed: as many as are opened.
    for tag in [
        "table", "tr", "td", "details", "section", "li", "span", "ul", "div",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn long_values_of_facts_are_folded() {
    let plan = hello();
    let mut story = Story::new(&plan);
    story.connected(300, &["s1", "w1"]);
    let certificate = "MIIB".repeat(100);
    let facts = [("certificate", &*certificate), ("os", "debian")];
    story.add(
        310,
        EventKind::FactsRead {
            host: "w1".into(),
            facts: facts
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            boot: None,
            host_ms: None,
        },
    );
    let page = page(&plan, &story.events, &|_, _| None);
    let seen = &certificate[..60];
    assert!(
        page.contains(&format!(
            "<td><details><summary>{seen}… (400 characters)</summary>{certificate}</details></td>"
        )),
        "{page}"
    );
    assert!(page.contains("<td>debian</td>"));
}

#[test]
fn a_resumption_is_marked_and_a_failure_brings_its_fix() {
    let (plan, mut events) = evil_run();
    let add = |events: &mut Vec<Event>, ms, kind| {
        let last = events.last().unwrap().clone();
        events.push(Event {
            seq: last.seq + 1,
            ms,
            kind,
            ..last
        });
    };
    assert!(!page(&plan, &events, &|_, _| None).contains("resumed after"));
    let resumed = RunResumed {
        plan: 2,
        hosts: 4,
        tasks: 12,
        again: Vec::new(),
        forgotten: Vec::new(),
        version: "0.1.0".into(),
        origin: None,
    };
    add(&mut events, 3_000, EventKind::RunResumed(resumed));
    let task = TaskId::new("prepare", "w1");
    let started = EventKind::TaskStarted {
        task: task.clone(),
        attempt: 2,
        job: None,
    };
    add(&mut events, 5_000, started);
    let end = TaskEnd {
        problems: vec![ReportedProblem {
            check: "disk".into(),
            severity: ReportedSeverity::Error,
            text: "the disk is full".into(),
            fix: "make room on it".into(),
        }],
        ..TaskEnd::failed(Failure::new(
            FailureKind::Script,
            "the script ended with status 1",
        ))
    };
    let ended = EventKind::TaskEnded {
        task,
        attempt: 2,
        end,
    };
    add(&mut events, 6_000, ended);
    let page = page(&plan, &events, &|_, _| None);
    for word in [
        ", resumed after 3.0 s</p>",
        "<span class=\"resumed\" style=\"left:50.000%\" title=\"resumed after 3.0 s\"></span>",
        "</i>resumed</span>",
        "<strong>prepare: the disk is full (the script ended with status 1)</strong>",
        "<p>Fix: make room on it</p>",
        // Two seconds, and one more; not from 0.4 s to 6 s.
        "<td class=\"n\">3.0 s</td>",
    ] {
        assert!(page.contains(word), "{word} is not in\n{page}");
    }
    assert!(!page.contains("5.6 s"), "{page}");
}

#[test]
fn closing_and_page_tell_the_same_times() {
    let (plan, events) = evil_run();
    let report = scenario::report(&plan, &events);
    let page = page(&plan, &events, &|_, _| None);
    let table = page.split("<h2 id=\"stages\">").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    for stage in &report.stages {
        let row = table
            .split("<tr>")
            .find(|row| row.starts_with(&format!("<td>{}</td>", stage.id)))
            .unwrap();
        let slowest = stage.slowest.as_ref().map(|slowest| slowest.took_ms);
        for time in [stage.wall_ms, slowest].into_iter().flatten() {
            let cell = format!(
                "<td class=\"n\">{}</td>",
                phalanx_report::duration::took(time)
            );
            assert!(row.contains(&cell), "{cell} is not in {row}");
        }
    }
    assert_eq!(report.stages[0].wall_ms, Some(2_000));
}

#[test]
fn a_thousand_hosts_are_no_burden() {
    let names: Vec<String> = (0..1_000).map(|n| format!("h{n}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "worker")).collect();
    let stages: Vec<PlannedStage> = (0..12)
        .map(|n| PlannedStage {
            after: match n {
                0 => vec![],
                _ => vec![Gate::All(StageId::from(&*format!("s{}", n - 1)))],
            },
            ..stage(&format!("s{n}"), &["worker"], Action::Run("s.sh".into()))
        })
        .collect();
    let plan = plan(&hosts, stages);
    let mut story = Story::new(&plan);
    for (index, name) in names.iter().enumerate() {
        story.connected(100 + index as u64, &[name]);
        for stage in 0..12u64 {
            let from = stage * 10_000 + 1_200 + (index as u64 * 7) % 900;
            let to = from + 3_000 + (index as u64 * 13) % 5_000;
            story.task(from, to, &format!("s{stage}"), name, already());
        }
    }
    story.sort().over(130_000, RunOutcome::Done);
    let page = page(&plan, &story.events, &|_, _| None);
    assert_eq!(
        page.matches("class=\"bar ").count(),
        12_000 + 3,
        "and three in the legend"
    );
    assert!(page.len() < 8 << 20, "{} bytes", page.len());
}
