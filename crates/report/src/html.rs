//! One run as one HTML file that needs nothing else: no network, no other file. All of it is there without
//! scripts; they only zoom, filter and search.

mod markup;
mod sections;
mod timeline_rows;

use phalanx_events::{Event, RunState};
use phalanx_plan::{Plan, TaskId};

use crate::data::RunReport;
use crate::timeline::Timeline;
use markup::Markup;

/// What the page needs beside plan and events.
pub struct HtmlContext<'a> {
    /// The last part of the log of a task's attempt, where there is one.
    pub log: &'a dyn Fn(&TaskId, u32) -> Option<String>,
}

/// What all parts of the page look at.
struct Page<'a> {
    plan: &'a Plan,
    report: &'a RunReport,
    timeline: Timeline,
    state: RunState,
    context: &'a HtmlContext<'a>,
}

/// The page of a run: `report` is what [`crate::summarize`] made of the same plan and events.
pub fn html(
    plan: &Plan,
    events: &[Event],
    report: &RunReport,
    context: &HtmlContext<'_>,
) -> String {
    let page = Page {
        plan,
        report,
        timeline: Timeline::new(events),
        state: RunState::of(events),
        context,
    };
    let mut markup = Markup::default();
    markup.raw(concat!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        // Whatever came from a host stays text; and should it not, it can load and send nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ",
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'none'; base-uri 'none'\">\n",
        "<style>\n",
        include_str!("html/style.css"),
    ));
    page.stage_colours(&mut markup);
    markup.raw("</style>\n");
    markup.element("title", &format!("{} {}", report.cluster, report.run));
    markup.raw("\n</head>\n<body>\n");
    page.head(&mut markup);
    markup.raw("<main>\n");
    page.failures(&mut markup);
    page.problems(&mut markup);
    page.timeline(&mut markup);
    page.critical_path(&mut markup);
    page.stages(&mut markup);
    page.hosts(&mut markup);
    page.facts(&mut markup);
    markup.raw(concat!(
        "</main>\n<script>\n",
        include_str!("html/script.js"),
        "</script>\n</body>\n</html>\n"
    ));
    markup.finish()
}
