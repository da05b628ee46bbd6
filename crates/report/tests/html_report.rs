//! The page of a run: it needs nothing else, and what came from hosts stays text.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use phalanx_events::{
    Event, EventKind, Failure, FailureKind, ReportedProblem, ReportedSeverity, RunOutcome, TaskEnd,
};
use phalanx_plan::{Action, Gate, Plan, PlannedStage, StageId, TaskId};
use phalanx_report::{HtmlContext, html};
use scenario::{Story, already, changed, hello, plan, stage};

fn page(plan: &Plan, events: &[Event], log: &dyn Fn(&TaskId, u32) -> Option<String>) -> String {
    let report = scenario::report(plan, events);
    html(plan, events, &report, &HtmlContext { log })
}

/// Every way in which a host could try to be more than text.
const EVIL: &str =
    "</script><script>document.title='gone'</script>\"'><img src=x onerror=alert(1)>";

fn evil_run() -> (Plan, Vec<Event>) {
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
