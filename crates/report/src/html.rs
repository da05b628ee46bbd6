//! One run as one HTML file that needs nothing else: no network, no other file. All of it is there without
//! scripts; they only zoom, filter and search.

mod markup;
mod page;
mod sections;
mod timeline_rows;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phalanx_events::{Event, RunState};
use phalanx_plan::PreparedPlan;
use sha2::{Digest as _, Sha256};

use crate::data::RunReport;
use crate::timeline::Timeline;
use markup::Markup;
pub use page::HtmlContext;
use page::Page;

/// The page's own script, by whose checksum it is the only one that runs.
const SCRIPT: &str = concat!("\n", include_str!("html/script.js"));

/// The page of a run: `report` is what [`crate::summarize`] made of the same plan and events.
pub fn html(
    plan: &PreparedPlan,
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
        // Whatever came from a host stays text; and should it not, it is no script that runs, and can load
        // and send nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ",
        "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; script-src 'sha256-",
    ));
    let digest = Sha256::digest(SCRIPT.as_bytes());
    markup.text(&STANDARD.encode(digest));
    markup.raw(concat!("'\">\n<style>\n", include_str!("html/style.css")));
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
    markup.raw("</main>\n<script>").raw(SCRIPT);
    markup.raw("</script>\n</body>\n</html>\n");
    markup.finish()
}
