//! The timeline: a row for each host, a bar for each task, and what lies between them.

use std::collections::BTreeSet;

use phalanx_events::Outcome;
use phalanx_plan::{Action, HostName, PlannedStage, StageId, TaskId};

use super::markup::Markup;
use super::page::Page;
use crate::data::{HostEnd, HostReport};
use crate::duration::took;
use crate::stage_colour::StageColour;

/// Shorter than this share of the run, a gap is not drawn.
const GAP_SHARE: f64 = 0.001;
/// Up to this share of the run there is room for a tick's words behind it.
const LABELLED: f64 = 0.93;
const LABELLED_NARROW: f64 = 0.8;

impl Page<'_> {
    /// A colour for each stage.
    pub(super) fn stage_colours(&self, markup: &mut Markup) {
        for index in 0..self.plan.stages.len() {
            markup.raw(".s").text(&index.to_string());
            markup
                .raw(" { background-color: ")
                .text(&StageColour::of(index).css())
                .raw("; }\n");
        }
    }

    pub(super) fn timeline(&self, markup: &mut Markup) {
        let total = self.timeline.took_ms.max(1);
        markup.raw("<h2 id=\"time\">Timeline</h2>\n<div class=\"controls\">\n");
        markup.raw(
            "<label>Search <input id=\"search\" type=\"search\" placeholder=\"host\"></label>\n",
        );
        markup.raw("<label>State <select id=\"state\"><option value=\"\">all</option>");
        for state in ["failed", "missing", "unfinished", "done"] {
            markup
                .open("option", &[("value", state)])
                .text(state)
                .close("option");
        }
        markup.raw(
            "</select></label>\n<label>Role <select id=\"role\"><option value=\"\">all</option>",
        );
        let roles: BTreeSet<&str> = self
            .plan
            .hosts
            .iter()
            .map(|host| host.role.as_str())
            .collect();
        for role in roles {
            markup
                .open("option", &[("value", role)])
                .text(role)
                .close("option");
        }
        markup.raw(concat!(
            "</select></label>\n<label>Zoom <input id=\"zoom\" type=\"range\" min=\"1\" max=\"20\" step=\"0.5\" ",
            "value=\"1\"></label>\n<span id=\"shown\" class=\"soft\" role=\"status\"></span>\n</div>\n",
            "<div class=\"legend\" aria-hidden=\"true\">",
        ));
        for (index, stage) in self.plan.stages.iter().enumerate() {
            markup
                .raw("<span>")
                .open("i", &[("class", &looks(index, &stage.action))])
                .close("i");
            markup.text(stage.id.as_str()).raw("</span>");
        }
        markup.raw(concat!(
            "<span><i class=\"gap\" style=\"position:static\"></i>waiting</span>",
            "<span><i class=\"bar critical\" style=\"position:static\"></i>critical path</span>",
            "<span><i class=\"bar broken\" style=\"position:static\"></i>failed, stopped</span>",
            "<span><i class=\"bar open\" style=\"position:static\"></i>not ended</span>",
        ));
        if !self.timeline.resumed.is_empty() {
            markup.raw("<span><i class=\"resumed\" style=\"position:static\"></i>resumed</span>");
        }
        markup.raw(concat!(
            "</div>\n",
            "<div id=\"timeline\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\">\n<ul id=\"rows\">\n",
        ));
        self.axis(markup, total);
        let critical: BTreeSet<(&StageId, &HostName)> = self
            .report
            .critical_path
            .iter()
            .flat_map(|path| &path.steps)
            .map(|step| (&step.stage, &step.host))
            .collect();
        for (index, host) in self.report.hosts.iter().enumerate() {
            self.row(markup, index, host, total, &critical);
        }
        markup.raw("</ul>\n</div>\n");
    }

    fn axis(&self, markup: &mut Markup, total: u64) {
        markup.raw("<li class=\"axis\" aria-hidden=\"true\"><span class=\"name\"></span><span class=\"track\">");
        let step = tick(total);
        for at in (0..=total).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            let left = format!("left:{}", percent(at, total));
            // In a narrow window there is room up to here only.
            let class = match at as f64 > total as f64 * LABELLED_NARROW {
                true => "tick late",
                false => "tick",
            };
            markup.open("span", &[("class", class), ("style", &left)]);
            if at as f64 <= total as f64 * LABELLED {
                markup.text(&took(at));
            }
            markup.close("span");
        }
        for at in &self.timeline.resumed {
            let left = format!("left:{}", percent(*at, total));
            let title = format!("resumed after {}", took(*at));
            let attributes = [("class", "resumed"), ("style", &*left), ("title", &*title)];
            markup.open("span", &attributes).close("span");
        }
        markup.raw("</span></li>\n");
    }

    fn row(
        &self,
        markup: &mut Markup,
        index: usize,
        host: &HostReport,
        total: u64,
        critical: &BTreeSet<(&StageId, &HostName)>,
    ) {
        let state = state_of(host.state);
        let busy = format!("{}, {state}, worked {}", host.name, took(host.busy_ms));
        markup.open(
            "li",
            &[
                ("data-host", host.name.as_str()),
                ("data-state", state),
                ("data-role", host.role.as_str()),
                ("data-details", &format!("host-{index}")),
                ("tabindex", "0"),
                ("aria-label", &busy),
            ],
        );
        let class = format!("name {state}");
        markup.open("span", &[("class", &class), ("title", host.name.as_str())]);
        markup.text(host.name.as_str()).close("span");
        markup.raw("<span class=\"track\">");
        let seen = self.timeline.hosts.get(&host.name);
        let mut free = seen.and_then(|seen| seen.connected);
        for bar in self.bars(host, total) {
            if let Some(free) = free
                && bar.started.saturating_sub(free) as f64 > total as f64 * GAP_SHARE
            {
                let style = place(free, bar.started, total);
                markup
                    .open("span", &[("class", "gap"), ("style", &style)])
                    .close("span");
            }
            free = Some(bar.ended.max(free.unwrap_or(0)));
            self.bar(markup, host, &bar, total, critical);
        }
        markup.raw("</span></li>\n");
    }

    /// Every attempt at every task of a host, in the order in which they began.
    fn bars(&self, host: &HostReport, total: u64) -> Vec<Bar<'_>> {
        let mut bars = Vec::new();
        for (stage_index, stage) in self.plan.stages.iter().enumerate() {
            let id = TaskId::new(stage.id.as_str(), host.name.as_str());
            let Some(times) = self.timeline.tasks.get(&id) else {
                continue;
            };
            bars.extend(times.tries.iter().map(|one| Bar {
                stage,
                stage_index,
                attempt: one.attempt,
                attempts: times.attempts,
                started: one.started,
                ended: one.until().unwrap_or(total),
                is_open: one.until().is_none(),
                outcome: one.ended.as_ref().map(|(_, outcome)| outcome),
            }));
        }
        bars.sort_by_key(|bar| bar.started);
        bars
    }

    fn bar(
        &self,
        markup: &mut Markup,
        host: &HostReport,
        bar: &Bar<'_>,
        total: u64,
        critical: &BTreeSet<(&StageId, &HostName)>,
    ) {
        let mut class = format!("bar {}", looks(bar.stage_index, &bar.stage.action));
        match bar.outcome {
            None if bar.is_open => class.push_str(" open"),
            None => class.push_str(" broken"),
            Some(Outcome::Failed | Outcome::Cancelled) => class.push_str(" broken"),
            Some(_) => {}
        }
        if critical.contains(&(&bar.stage.id, &host.name)) {
            class.push_str(" critical");
        }
        let unknown = match bar.is_open {
            true => "not ended",
            false => "its end is not known",
        };
        let word = bar.outcome.map_or(unknown, word_of);
        let length = took(bar.ended.saturating_sub(bar.started));
        let mut title = format!("{}: {length}, {word}", bar.stage.id);
        if bar.attempts > 1 {
            title.push_str(&format!(", attempt {} of {}", bar.attempt, bar.attempts));
        }
        let style = place(bar.started, bar.ended, total);
        markup.open(
            "span",
            &[("class", &class), ("style", &style), ("title", &title)],
        );
        markup.close("span");
    }
}

/// One attempt, as it is drawn.
struct Bar<'a> {
    stage: &'a PlannedStage,
    stage_index: usize,
    attempt: u32,
    attempts: u32,
    started: u64,
    ended: u64,
    /// Whether it goes on.
    is_open: bool,
    /// How it ended, where that is known.
    outcome: Option<&'a Outcome>,
}

/// The classes of a stage: its colour, its pattern, and whether it only waits.
fn looks(index: usize, action: &Action) -> String {
    let mut class = format!("s{index}");
    match StageColour::of(index).pattern {
        0 => {}
        pattern => class.push_str(&format!(" p{pattern}")),
    }
    if matches!(action, Action::Until(_)) {
        class.push_str(" waits");
    }
    class
}

/// What a host came out as, in a word that is also a class.
pub(super) fn state_of(state: HostEnd) -> &'static str {
    match state {
        HostEnd::Done => "done",
        HostEnd::Failed => "failed",
        HostEnd::Missing => "missing",
        HostEnd::Unfinished => "unfinished",
    }
}

/// What a task came out as, in a word.
pub(super) fn word_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Changed => "changed",
        Outcome::Already => "already right",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "stopped",
        Outcome::NotRun { .. } => "not run",
    }
}

fn percent(at: u64, total: u64) -> String {
    format!("{:.3}%", at as f64 * 100.0 / total as f64)
}

fn place(from: u64, to: u64, total: u64) -> String {
    let width = to.saturating_sub(from);
    format!(
        "left:{};width:{}",
        percent(from, total),
        percent(width, total)
    )
}

/// The pause between two ticks: about ten of them, at round times.
fn tick(total: u64) -> u64 {
    const ROUND: [u64; 14] = [
        100, 250, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
        600_000, 1_800_000,
    ];
    let least = total / 12;
    ROUND
        .into_iter()
        .find(|round| *round >= least)
        .unwrap_or_else(|| least.div_ceil(3_600_000).max(1) * 3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        for total in [1, 900, 24_000, 15 * 60_000, 5 * 3_600_000, 90 * 3_600_000] {
            let ticks = total / tick(total);
            assert!(ticks <= 12, "{total}: {ticks}");
        }
        assert_eq!(tick(24_000), 2_000);
        assert_eq!(tick(15 * 60_000), 120_000);
    }
}
