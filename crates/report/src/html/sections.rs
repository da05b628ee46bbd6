//! Everything on the page but the timeline.

use std::collections::{BTreeMap, BTreeSet};

use phalanx_events::{Outcome, ReportedSeverity, RunOutcome};
use phalanx_plan::sentence::few;
use phalanx_plan::{HostName, TaskId};

use super::markup::Markup;
use super::page::Page;
use super::timeline_rows::{state_of, word_of};
use crate::data::Counts;
use crate::duration::took;
use crate::reason::Reason;

/// A host that took so much longer than the one in the middle is a straggler.
const STRAGGLES: f64 = 1.5;
/// So many stragglers of a stage are named.
const STRAGGLERS: usize = 5;
/// A fact with more values than this is folded.
const VALUES: usize = 12;
/// A value with more characters than this is folded, and so much of it is seen then.
const LONG_VALUE: usize = 200;
const SEEN_OF_VALUE: usize = 60;
/// So many hosts of a failure are named.
const HOSTS_NAMED: usize = 40;

impl Page<'_> {
    pub(super) fn head(&self, markup: &mut Markup) {
        let report = self.report;
        let (class, word) = match report.outcome {
            Some(RunOutcome::Done) => ("done", "done"),
            Some(RunOutcome::Failed) => ("failed", "failed"),
            Some(RunOutcome::ProblemsFound) => ("failed", "problems found, nothing changed"),
            Some(RunOutcome::Interrupted) => ("unfinished", "interrupted"),
            Some(RunOutcome::Held) => ("unfinished", "another run was at work"),
            None => ("unfinished", "not ended"),
        };
        let release = report.release.as_ref().map(|release| format!(" {release}"));
        let release = release.unwrap_or_default();
        markup.raw("<header>\n<h1>");
        markup.text(&format!(
            "{} of {}{release} on {}: ",
            report.flow, report.recipe, report.cluster
        ));
        markup
            .classed("span", class, word)
            .raw("</h1>\n<p class=\"soft\">");
        markup.text(&format!("run {}", report.run));
        if let Some(at) = report.started_at {
            markup.text(&format!(", begun {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
        }
        if let Some(version) = &report.version {
            markup.text(&format!(", by phalanx {version}"));
        }
        if let Some(file) = &report.cluster_file {
            markup.text(&format!(", of the cluster file {file}"));
        }
        let resumed: Vec<String> = self.timeline.resumed.iter().map(|at| took(*at)).collect();
        if !resumed.is_empty() {
            markup.text(&format!(", resumed after {}", resumed.join(", ")));
        }
        if let Some(lab) = &report.lab {
            markup.text(&format!(
                ", on the local hosts of the lab {lab}: no real servers"
            ));
        }
        markup.raw("</p>\n<div class=\"numbers\">");
        let numbers = [
            ("took", took(report.took_ms)),
            ("hosts", report.hosts.len().to_string()),
            ("tasks", report.total.all().to_string()),
        ];
        for (name, number) in numbers {
            markup
                .raw("<div>")
                .element("b", &number)
                .text(name)
                .raw("</div>");
        }
        for (name, number) in counted(&report.total) {
            if number > 0 {
                let class = name.split(' ').next().unwrap_or_default();
                markup.raw("<div>");
                markup
                    .classed("b", class, &number.to_string())
                    .text(name)
                    .raw("</div>");
            }
        }
        markup.raw("</div>\n<nav aria-label=\"Parts of this page\">");
        for (link, name) in [
            ("#time", "Timeline"),
            ("#critical", "Critical path"),
            ("#stages", "Stages"),
            ("#hosts", "Hosts"),
            ("#facts", "Facts"),
        ] {
            markup.open("a", &[("href", link)]).text(name).close("a");
        }
        markup.raw("</nav>\n</header>\n");
    }

    pub(super) fn failures(&self, markup: &mut Markup) {
        if self.report.failures.is_empty() {
            return;
        }
        markup.raw("<h2 id=\"failures\">Failures</h2>\n");
        for failure in &self.report.failures {
            markup.raw("<section class=\"box\"><strong>");
            let stage = failure
                .stage
                .as_ref()
                .map_or("connecting", |stage| stage.as_str());
            markup
                .text(&format!("{stage}: {}", failure.whole_reason()))
                .raw("</strong>");
            hosts_line(markup, &failure.hosts);
            if let Some(fix) = &failure.fix {
                markup.element("p", &format!("Fix: {fix}"));
            }
            if let Some(cause) = &failure.cause {
                markup.element("p", &format!("Likely: {}. {}", cause.says, cause.fix));
            }
            if let Some(advice) = &failure.advice {
                markup.element("p", advice);
            }
            let log =
                failure
                    .stage
                    .as_ref()
                    .zip(failure.hosts.first())
                    .and_then(|(stage, host)| {
                        let id = TaskId::new(stage.as_str(), host.as_str());
                        let attempts = self.timeline.tasks.get(&id).map_or(1, |task| task.attempts);
                        Some((host, (self.context.log)(&id, attempts.max(1))?))
                    });
            match log {
                Some((host, log)) => {
                    markup.raw("<details open><summary>");
                    markup
                        .text(&format!("the end of the log on {host}"))
                        .raw("</summary>");
                    markup.element("pre", &log).raw("</details>");
                }
                None if !failure.lines.is_empty() => {
                    markup.element("pre", &failure.lines.join("\n"));
                }
                None => {}
            }
            markup.raw("</section>\n");
        }
    }

    pub(super) fn problems(&self, markup: &mut Markup) {
        if self.report.problems.is_empty() {
            return;
        }
        markup.raw("<h2 id=\"problems\">What scripts have found</h2>\n");
        for problem in &self.report.problems {
            let (class, word) = match problem.severity {
                ReportedSeverity::Error => ("box error", "error"),
                ReportedSeverity::Warning => ("box warning", "warning"),
                ReportedSeverity::Note => ("box note", "note"),
            };
            markup.open("section", &[("class", class)]);
            markup.element(
                "strong",
                &format!("{word}, {}: {}", problem.check, problem.text),
            );
            hosts_line(markup, &problem.hosts);
            if !problem.fix.is_empty() {
                markup.element("p", &format!("Fix: {}", problem.fix));
            }
            markup.raw("</section>\n");
        }
    }

    pub(super) fn critical_path(&self, markup: &mut Markup) {
        markup.raw("<h2 id=\"critical\">Critical path</h2>\n");
        let Some(path) = &self.report.critical_path else {
            markup.raw("<p class=\"soft\">Nothing ran.</p>\n");
            return;
        };
        markup.raw("<table><caption>");
        markup.text(&format!(
            "The chain of tasks that the run's length is made of: {}",
            took(path.sum_ms)
        ));
        markup.raw("</caption><thead><tr>");
        columns(
            markup,
            &[
                "stage",
                "host",
                "#waited before",
                "#took",
                "#of it the host",
            ],
        );
        for step in &path.steps {
            markup
                .raw("<tr>")
                .element("td", step.stage.as_str())
                .element("td", step.host.as_str());
            markup.classed("td", "n", &took(step.wait_ms));
            markup.classed("td", "n", &took(step.took_ms));
            markup.classed("td", "n", &step.host_ms.map(took).unwrap_or_default());
            markup.raw("</tr>\n");
        }
        markup.raw("</tbody></table>\n");
    }

    pub(super) fn stages(&self, markup: &mut Markup) {
        markup.raw("<h2 id=\"stages\">Stages</h2>\n<table><caption>");
        markup.text("Stragglers took half as long again as the host in the middle, or longer");
        markup.raw("</caption><thead><tr>");
        columns(
            markup,
            &[
                "stage",
                "#hosts",
                "came out",
                "#wall",
                "#middle",
                "#slowest",
                "stragglers",
            ],
        );
        for stage in &self.report.stages {
            let tasks = self.plan.tasks_of_stage_named(&stage.id).iter();
            let times = self.timeline.slowest(tasks.map(|task| &task.id));
            let middle = times.get(times.len() / 2).map(|(time, _)| *time);
            let late: Vec<String> = times
                .iter()
                .take_while(|(time, _)| *time as f64 > middle.unwrap_or(0) as f64 * STRAGGLES)
                .take(STRAGGLERS)
                .map(|(time, host)| format!("{host} ({})", took(*time)))
                .collect();
            let slowest = stage.slowest.as_ref().map(|slowest| took(slowest.took_ms));
            markup.raw("<tr>").element("td", stage.id.as_str());
            markup.classed("td", "n", &stage.hosts.to_string());
            markup.element("td", &stage.counts.words());
            markup.classed("td", "n", &stage.wall_ms.map(took).unwrap_or_default());
            markup.classed("td", "n", &middle.map(took).unwrap_or_default());
            markup.classed("td", "n", &slowest.unwrap_or_default());
            let late = if stage.hosts > 2 {
                late.join(", ")
            } else {
                String::new()
            };
            markup.element("td", &late).raw("</tr>\n");
        }
        markup.raw("</tbody></table>\n");
    }

    pub(super) fn hosts(&self, markup: &mut Markup) {
        markup.raw("<h2 id=\"hosts\">Hosts</h2>\n");
        for (index, host) in self.report.hosts.iter().enumerate() {
            let state = state_of(host.state);
            markup.open(
                "details",
                &[
                    ("id", &format!("host-{index}")),
                    ("class", state),
                    ("data-host", host.name.as_str()),
                    ("data-state", state),
                    ("data-role", host.role.as_str()),
                ],
            );
            markup
                .raw("<summary>")
                .element("strong", host.name.as_str());
            markup.text(&format!(" {}, {state}", host.role));
            markup.classed("span", "soft", &format!(" {}", host.counts.words()));
            markup.raw("</summary>\n<table><thead><tr>");
            columns(
                markup,
                &[
                    "stage",
                    "came out",
                    "#began",
                    "#took",
                    "#of it the host",
                    "what",
                ],
            );
            for stage in &self.plan.stages {
                let id = TaskId::new(stage.id.as_str(), host.name.as_str());
                let Some(task) = self.timeline.tasks.get(&id) else {
                    continue;
                };
                let outcome = task.end.as_ref().map(|end| &end.outcome);
                let mut what: Vec<String> = Vec::new();
                if task.attempts > 1 {
                    what.push(format!("attempt {}", task.attempts));
                }
                if let Some(end) = &task.end {
                    if end.failure.is_some() {
                        what.push(Reason::of_end(end).whole());
                    }
                    what.extend(end.changed.clone());
                    if let Outcome::Skipped { reason, .. } | Outcome::NotRun { reason } =
                        &end.outcome
                    {
                        what.push(reason.clone());
                    }
                }
                let ran = task.has_worked();
                let host_ms = task.host_ms();
                markup.raw("<tr>").element("td", stage.id.as_str());
                let word = outcome.map_or("not ended", word_of);
                markup.classed("td", word.split(' ').next().unwrap_or_default(), word);
                markup.classed("td", "n", &task.started.map(took).unwrap_or_default());
                markup.classed(
                    "td",
                    "n",
                    &if ran {
                        took(task.worked())
                    } else {
                        String::new()
                    },
                );
                markup.classed("td", "n", &host_ms.map(took).unwrap_or_default());
                markup.element("td", &what.join("; ")).raw("</tr>\n");
            }
            markup.raw("</tbody></table></details>\n");
        }
    }

    pub(super) fn facts(&self, markup: &mut Markup) {
        markup.raw("<h2 id=\"facts\">Facts</h2>\n");
        let facts = |host: &HostName| self.state.hosts.get(host).map(|host| &host.facts);
        let names: BTreeSet<&String> = self
            .report
            .hosts
            .iter()
            .filter_map(|host| facts(&host.name))
            .flat_map(BTreeMap::keys)
            .collect();
        if names.is_empty() {
            markup.raw("<p class=\"soft\">The recipe reads none.</p>\n");
            return;
        }
        markup.raw("<table><caption>");
        markup.text("What each fact was; where hosts differ, each value with its hosts");
        markup.raw("</caption><thead><tr>");
        columns(markup, &["fact", "value", "hosts"]);
        for name in names {
            let mut values: BTreeMap<&str, Vec<HostName>> = BTreeMap::new();
            for host in &self.report.hosts {
                if let Some(value) = facts(&host.name).and_then(|facts| facts.get(name)) {
                    values.entry(value).or_default().push(host.name.clone());
                }
            }
            if values.len() > VALUES {
                markup
                    .raw("<tr>")
                    .element("td", name)
                    .raw("<td><details><summary>");
                markup
                    .text(&format!("{} values", values.len()))
                    .raw("</summary>");
                for (value, hosts) in values {
                    markup.raw("<div>");
                    fact_value(markup, value);
                    markup.text(&format!(": {}", named(&hosts))).raw("</div>");
                }
                markup.raw("</details></td><td></td></tr>\n");
                continue;
            }
            for (value, hosts) in values {
                markup.raw("<tr>").element("td", name).raw("<td>");
                fact_value(markup, value);
                markup.raw("</td>");
                let hosts = match hosts.len() == self.report.hosts.len() {
                    true => "all".to_owned(),
                    false => named(&hosts),
                };
                markup.element("td", &hosts).raw("</tr>\n");
            }
        }
        markup.raw("</tbody></table>\n");
    }
}

/// Heads of columns, of numbers where a `#` stands in front; the table's body begins behind them.
fn columns(markup: &mut Markup, names: &[&str]) {
    for name in names {
        match name.strip_prefix('#') {
            Some(number) => markup
                .open("th", &[("scope", "col"), ("class", "n")])
                .text(number),
            None => markup.open("th", &[("scope", "col")]).text(name),
        };
        markup.close("th");
    }
    markup.raw("</tr></thead><tbody>\n");
}

/// A fact's value; of a long one its beginning, with the whole of it to be opened.
fn fact_value(markup: &mut Markup, value: &str) {
    let characters = value.chars().count();
    if characters <= LONG_VALUE {
        markup.text(value);
        return;
    }
    let seen: String = value.chars().take(SEEN_OF_VALUE).collect();
    markup.raw("<details><summary>");
    markup.text(&format!("{seen}… ({characters} characters)"));
    markup.raw("</summary>").text(value).raw("</details>");
}

fn hosts_line(markup: &mut Markup, hosts: &[HostName]) {
    markup
        .raw("<p class=\"soft\">")
        .text(&named(hosts))
        .raw("</p>");
}

fn named(hosts: &[HostName]) -> String {
    few(hosts.iter().map(HostName::as_str), HOSTS_NAMED)
}

fn counted(counts: &Counts) -> [(&'static str, usize); 7] {
    [
        ("changed", counts.changed),
        ("already right", counts.already),
        ("skipped", counts.skipped),
        ("failed", counts.failed),
        ("cancelled", counts.cancelled),
        ("not run", counts.not_run),
        ("unfinished", counts.unfinished),
    ]
}
