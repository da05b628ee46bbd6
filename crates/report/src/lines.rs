//! A run as lines: one for each thing that an operator wants to see go by.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use phalanx_events::{
    Event, EventKind, Origin, Outcome, RebootPhase, ReportedSeverity, RunState, TaskEnd,
};
use phalanx_plan::sentence::count;
use phalanx_plan::{HostName, PreparedPlan, StageId, TaskId};
use unicode_width::UnicodeWidthStr;

use crate::control_words::control_words;
use crate::data::Counts;
use crate::duration::{clock, took};
use crate::earlier_facts::earlier_facts;
use crate::heartbeat::still_waiting;
use crate::notices::{HeldNotices, Said};
use crate::output_lines::OutputLines;
use crate::reason::Reason;
use crate::table::Charset;
use crate::terminal_text::{harmless, pad};
use crate::timeline::Timeline;

/// After so much silence a line says what is waited for.
const SILENCE_MS: u64 = 10_000;
/// So many hosts are named in one line; the rest is counted.
const NAMED: usize = 6;
/// The width of the outcome's column: that of `already right`.
const WORD_WIDTH: usize = 13;
/// Longer names of stages and hosts push their line to the right.
const NAME_WIDTH: usize = 24;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Failures only.
    Quiet,
    /// A line for each end.
    #[default]
    Normal,
    /// The hosts' output too.
    Verbose,
}

/// How lines are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineOptions {
    /// How much.
    pub verbosity: Verbosity,
    /// What a task's end says is cut so that its line has at most so many columns: the closing report has all
    /// of it. Not given: never.
    pub width: Option<u16>,
    /// What may be used.
    pub charset: Charset,
}

/// Writes a run's events as lines, with ANSI styles: the writer strips them where they must not be.
pub struct LineDisplay<W> {
    plan: Arc<PreparedPlan>,
    out: W,
    options: LineOptions,
    state: RunState,
    timeline: Timeline,
    /// What was said of a host once and is not said again.
    said: BTreeSet<(HostName, String)>,
    /// What waits a moment for more hosts that say the same.
    held: HeldNotices,
    /// Summaries of stages that ended together with what is held.
    held_stages: Vec<StageId>,
    /// When the last line was written.
    last_line_ms: u64,
    output: BTreeMap<TaskId, OutputLines>,
    /// How many tasks of a stage have not ended.
    open: BTreeMap<StageId, usize>,
    stage_width: usize,
    host_width: usize,
}

impl<W: Write> LineDisplay<W> {
    /// A display of this plan's run.
    pub fn new(plan: Arc<PreparedPlan>, out: W, options: LineOptions) -> Self {
        let widest = |names: &mut dyn Iterator<Item = &str>| {
            names
                .map(UnicodeWidthStr::width)
                .max()
                .unwrap_or(0)
                .min(NAME_WIDTH)
        };
        let stage_width = widest(&mut plan.stages.iter().map(|stage| stage.id.as_str()));
        let host_width = widest(&mut plan.hosts.iter().map(|host| host.name.as_str()));
        let mut open = BTreeMap::new();
        for task in &plan.tasks {
            *open.entry(task.id.stage.clone()).or_insert(0) += 1;
        }
        Self {
            held: HeldNotices::new(&plan),
            plan,
            out,
            options,
            state: RunState::new(),
            timeline: Timeline::default(),
            said: BTreeSet::new(),
            held_stages: Vec::new(),
            last_line_ms: 0,
            output: BTreeMap::new(),
            open,
            stage_width,
            host_width,
        }
    }

    /// Takes in what happened before this display was there, without showing it.
    pub fn catch_up(&mut self, events: &[Event]) {
        for event in events {
            self.state.apply(event);
            self.timeline.take(event);
        }
        self.last_line_ms = self.state.ms;
    }

    /// What is known of the run so far.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Shows one event. One that was seen already is passed over.
    ///
    /// # Errors
    /// What the writer says.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let was_over = match &event.kind {
            EventKind::TaskStarted { task, .. } | EventKind::TaskEnded { task, .. } => {
                self.is_over(task)
            }
            _ => false,
        };
        if !self.state.apply(event) {
            return Ok(());
        }
        self.timeline.take(event);
        self.flush_held_before(event.ms)?;
        match &event.kind {
            EventKind::RunStarted(run) => {
                let release = run.release.as_ref().map(|release| format!(" {release}"));
                let text = format!(
                    "run {}: {} of {}{} on {} ({}, {})",
                    run.run,
                    run.flow,
                    run.recipe,
                    release.unwrap_or_default(),
                    run.cluster,
                    count(run.hosts, "host"),
                    count(run.tasks, "task"),
                );
                self.normal_line(event.ms, &text)?;
                self.origin(event.ms, run.origin.as_ref())?;
                for text in earlier_facts(&self.plan, Some(event.at)) {
                    self.normal_line(event.ms, &text)?;
                }
                Ok(())
            }
            EventKind::RunResumed(resumed) => {
                self.resumed(event.ms, resumed.forgotten.len())?;
                self.origin(event.ms, resumed.origin.as_ref())
            }
            EventKind::Controlled { control, reopens } => {
                for task in reopens {
                    *self.open.entry(task.stage.clone()).or_insert(0) += 1;
                }
                self.normal_line(event.ms, &control_words(control))
            }
            EventKind::TaskStarted { task, .. } if was_over => {
                // A host that was left behind goes on.
                *self.open.entry(task.stage.clone()).or_insert(0) += 1;
                Ok(())
            }
            EventKind::TaskWaiting { task, text } if self.is_verbose() => {
                self.prefixed(event.ms, task, &format!("waiting: {}", harmless(text)))
            }
            EventKind::TaskEnded { task, attempt, end } => {
                self.flush_output(event.ms, task)?;
                self.task_ended(event.ms, task, *attempt, end)?;
                if !end.again && !was_over {
                    self.stage_may_be_over(event.ms, &task.stage)?;
                }
                Ok(())
            }
            EventKind::RunEnded { .. } => {
                let open: Vec<TaskId> = self.output.keys().cloned().collect();
                for task in open {
                    self.flush_output(event.ms, &task)?;
                }
                self.flush_held(event.ms)
            }
            _ => {
                self.notice(event);
                Ok(())
            }
        }
    }

    /// Says what remains, and counts anew what is open.
    /// Which cluster file it is about: whoever stands in the wrong folder sees it here first.
    fn origin(&mut self, now: u64, origin: Option<&Origin>) -> io::Result<()> {
        let Some(origin) = origin else {
            return Ok(());
        };
        let lab = match &origin.lab {
            Some(lab) => format!(", in the lab {}", harmless(lab)),
            None => String::new(),
        };
        let file = harmless(&origin.cluster_file);
        self.normal_line(now, &format!("the cluster file is {file}{lab}"))
    }

    fn resumed(&mut self, now: u64, forgotten: usize) -> io::Result<()> {
        self.open.clear();
        for task in &self.plan.tasks {
            let still = usize::from(!self.is_over(&task.id));
            *self.open.entry(task.id.stage.clone()).or_insert(0) += still;
        }
        let remain: usize = self.open.values().sum();
        let run = self.state.run.as_ref();
        let text = format!(
            "run {} goes on: {} of {} remain{}",
            run.map_or("?", |run| run.run.as_str()),
            remain,
            count(self.plan.tasks.len(), "task"),
            match forgotten {
                0 => String::new(),
                tasks => format!(
                    "; {} are forgotten, their hosts or stages gone",
                    count(tasks, "task")
                ),
            },
        );
        self.normal_line(now, &text)
    }

    /// Holds what an event has to say about a host or a task that has not ended.
    fn notice(&mut self, event: &Event) {
        let now = event.ms;
        match &event.kind {
            EventKind::HostConnected { host, .. } => {
                let first = self.said.insert((host.clone(), "connected".into()));
                let word = if first { "connected" } else { "reconnected" };
                self.hold(now, Said::of_host(word, GOOD, host, ""));
            }
            EventKind::HostNotice { host, text } => {
                if self.said.insert((host.clone(), text.clone())) {
                    self.hold(now, Said::of_host("note", NOTE, host, text));
                }
            }
            EventKind::HostRetry {
                host,
                reason,
                again_in_ms,
                ..
            } => {
                if self.said.insert((host.clone(), reason.clone())) {
                    let text = format!("{reason}; tried again in {}", took(*again_in_ms));
                    self.hold(now, Said::of_host("no answer", WARN, host, &text));
                }
            }
            EventKind::HostFailed { host, failure } => {
                let said = Said {
                    advice: failure.advice.as_deref(),
                    ..Said::of_host("host failed", BAD, host, &failure.message)
                };
                self.hold(now, said);
            }
            EventKind::TaskDetached { task, reason, .. } => {
                let text = format!("{reason}; the job goes on there");
                self.hold(now, Said::of_task("detached", WARN, task, &text));
            }
            EventKind::TaskAttached { task, .. } => {
                self.hold(now, Said::of_task("attached", GOOD, task, ""));
            }
            EventKind::Reboot { task, phase, .. } => {
                let text = match phase {
                    RebootPhase::Requested => "asked to reboot",
                    RebootPhase::Down => "down",
                    RebootPhase::Up => "up again",
                    RebootPhase::Proven => "rebooted: the boot identity is another one",
                };
                self.hold(now, Said::of_task("reboot", NOTE, task, text));
            }
            EventKind::RunStarted(_)
            | EventKind::RunResumed(_)
            | EventKind::FactsRead { .. }
            | EventKind::TaskStarted { .. }
            | EventKind::TaskAccepted { .. }
            | EventKind::TaskWaiting { .. }
            | EventKind::TaskEnded { .. }
            | EventKind::Controlled { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::RunEnded { .. }
            | EventKind::Unknown => {}
        }
    }

    /// Shows a task's output, where hosts' output is shown: whole lines, each with host and stage.
    ///
    /// # Errors
    /// What the writer says.
    pub fn output(&mut self, task: &TaskId, bytes: &[u8]) -> io::Result<()> {
        if !self.is_verbose() {
            return Ok(());
        }
        let lines = self.output.entry(task.clone()).or_default().push(bytes);
        let now = self.state.ms.max(self.last_line_ms);
        for line in lines {
            self.prefixed(now, task, &line)?;
        }
        Ok(())
    }

    /// To be called every now and then with the run's time: shows what was held back for a moment,
    /// and after 10 s of silence what is waited for.
    ///
    /// # Errors
    /// What the writer says.
    pub fn heartbeat(&mut self, now_ms: u64) -> io::Result<()> {
        self.flush_held_before(now_ms)?;
        let silent = now_ms.saturating_sub(self.last_line_ms) >= SILENCE_MS;
        if !silent || self.options.verbosity == Verbosity::Quiet || self.state.ended.is_some() {
            return Ok(());
        }
        match still_waiting(&self.state, &self.plan, now_ms) {
            Some(text) => self.normal_line(now_ms, &format!("still waiting: {text}")),
            None => Ok(()),
        }
    }

    fn is_verbose(&self) -> bool {
        self.options.verbosity == Verbosity::Verbose
    }

    fn is_over(&self, task: &TaskId) -> bool {
        self.state
            .tasks
            .get(task)
            .is_some_and(|task| task.end().is_some())
    }

    fn task_ended(
        &mut self,
        now: u64,
        task: &TaskId,
        attempt: u32,
        end: &TaskEnd,
    ) -> io::Result<()> {
        if let Outcome::NotRun { reason } = &end.outcome {
            self.hold(now, Said::of_task("not run", WARN, task, reason));
            return Ok(());
        }
        if self.options.verbosity == Verbosity::Quiet
            && (end.outcome != Outcome::Failed || end.again)
        {
            return Ok(());
        }
        self.flush_held(now)?;
        // Of all its attempts, without what lay between them.
        let times = self.timeline.tasks.get(task);
        let worked = times.filter(|times| times.has_worked());
        let duration = worked.map(|times| took(times.worked()));
        let mut after_reason = String::new();
        if end.again {
            let tries = self
                .plan
                .stage_named(&task.stage)
                .map(|stage| stage.retries.saturating_add(1));
            let of = tries
                .map(|tries| format!(" of {tries}"))
                .unwrap_or_default();
            after_reason = format!("; attempt {attempt}{of}, tried again");
        }
        let before = format!("{:>7}  ", clock(now));
        let word = pad(word(end), WORD_WIDTH);
        let after = format!(
            "  {}  {}  {:>10}  ",
            pad(task.stage.as_str(), self.stage_width),
            pad(task.host.as_str(), self.host_width),
            duration.unwrap_or_default(),
        );
        let used = before.width() + word.width() + after.width();
        let reason = self.fit(&reason(end), &after_reason, used);
        let style = style_of(end);
        writeln!(
            self.out,
            "{}",
            format!("{before}{style}{word}{style:#}{after}{reason}").trim_end()
        )?;
        self.last_line_ms = now;
        Ok(())
    }

    fn stage_may_be_over(&mut self, now: u64, stage: &StageId) -> io::Result<()> {
        let Some(open) = self.open.get_mut(stage) else {
            return Ok(());
        };
        *open = open.saturating_sub(1);
        if *open > 0 || self.options.verbosity == Verbosity::Quiet {
            return Ok(());
        }
        if self.held.is_empty() {
            return self.stage_over(now, stage);
        }
        self.held_stages.push(stage.clone());
        Ok(())
    }

    fn stage_over(&mut self, now: u64, stage: &StageId) -> io::Result<()> {
        let mut counts = Counts::default();
        let of_stage = self.plan.tasks_of_stage_named(stage);
        let tasks = || of_stage.iter().map(|task| &task.id);
        for known in tasks().filter_map(|task| self.state.tasks.get(task)) {
            if let Some(end) = known.end() {
                counts.add_outcome(&end.outcome);
            }
        }
        let mut text = format!("stage {stage}: {}", counts.words());
        if let Some(time) = self.timeline.work_time(tasks()) {
            text.push_str(&format!("; {}", took(time)));
        }
        if let Some((time, host)) = self.timeline.slowest(tasks()).first()
            && counts.all() > 1
        {
            text.push_str(&format!(", slowest {host} with {}", took(*time)));
        }
        writeln!(self.out, "{:>7}  {STAGE}{text}{STAGE:#}", clock(now))?;
        self.last_line_ms = now;
        Ok(())
    }

    fn hold(&mut self, now: u64, said: Said<'_>) {
        let important = said.style == BAD;
        if self.options.verbosity != Verbosity::Quiet || important {
            self.held.add(now, said);
        }
    }

    fn flush_held_before(&mut self, now: u64) -> io::Result<()> {
        if self.held.is_ripe(now) {
            self.flush_held(now)?;
        }
        Ok(())
    }

    fn flush_held(&mut self, now: u64) -> io::Result<()> {
        let since = self.held.since();
        let at = clock(since);
        for notice in self.held.take(&self.plan) {
            let word = pad(notice.word, WORD_WIDTH);
            // Never cut: a fingerprint is compared to its end, a path is copied, and nothing says it
            // again. The terminal wraps it, so that whoever searches the output finds it on one line.
            let rest = notice.words(NAMED);
            let style = notice.style;
            writeln!(self.out, "{at:>7}  {style}{word}{style:#}  {rest}")?;
            if let Some(advice) = notice.advice {
                writeln!(self.out, "{:24}{}", "", harmless(&advice))?;
            }
            self.last_line_ms = self.last_line_ms.max(now);
        }
        for stage in std::mem::take(&mut self.held_stages) {
            self.stage_over(since, &stage)?;
        }
        Ok(())
    }

    fn flush_output(&mut self, now: u64, task: &TaskId) -> io::Result<()> {
        let rest = self.output.remove(task).and_then(|mut lines| lines.rest());
        match rest {
            Some(line) => self.prefixed(now, task, &line),
            None => Ok(()),
        }
    }

    fn prefixed(&mut self, now: u64, task: &TaskId, line: &str) -> io::Result<()> {
        let TaskId { stage, host } = task;
        let text = format!("{PREFIX}{host} {stage} |{PREFIX:#} {line}");
        writeln!(self.out, "{}", text.trim_end())?;
        self.last_line_ms = self.last_line_ms.max(now);
        Ok(())
    }

    fn normal_line(&mut self, now: u64, text: &str) -> io::Result<()> {
        if self.options.verbosity != Verbosity::Quiet {
            self.flush_held(now)?;
            writeln!(self.out, "{:>7}  {}", clock(now), harmless(text))?;
            self.last_line_ms = now;
        }
        Ok(())
    }

    /// The reason, and what is said after it: where they have no room, what was seen goes first, then the end of what
    /// was the cause.
    fn fit(&self, reason: &Reason, after: &str, used: usize) -> String {
        let Some(width) = self.options.width else {
            return format!("{}{after}", reason.whole());
        };
        let mark = self.options.charset.ellipsis();
        let room = usize::from(width).saturating_sub(used).max(20);
        let for_reason = room.saturating_sub(after.width());
        if for_reason < 20 {
            return reason.within(room, mark);
        }
        format!("{}{after}", reason.within(for_reason, mark))
    }
}

const GOOD: Style = AnsiColor::Green.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const PLAIN: Style = Style::new();
const STAGE: Style = Style::new().bold();
const PREFIX: Style = Style::new().dimmed();

fn style_of(end: &TaskEnd) -> Style {
    match end.outcome {
        Outcome::Changed => GOOD,
        Outcome::Already => PLAIN,
        Outcome::Skipped { .. } => NOTE,
        Outcome::Failed if end.again => WARN,
        Outcome::Failed => BAD,
        Outcome::Cancelled | Outcome::NotRun { .. } => WARN,
    }
}

/// One word for an end. A task that changed nothing but found something worth knowing says so.
fn word(end: &TaskEnd) -> &'static str {
    let worst = end.problems.iter().map(|problem| problem.severity).max();
    match (&end.outcome, worst) {
        (Outcome::Already, Some(ReportedSeverity::Warning)) => "warned",
        (Outcome::Already, Some(ReportedSeverity::Note)) => "noted",
        _ => end.outcome.word(),
    }
}

/// What is worth saying of an end beside its outcome, in a few words.
fn reason(end: &TaskEnd) -> Reason {
    let more = |first: Option<&str>, all: usize| match (first, all) {
        (None, _) => String::new(),
        (Some(first), 0 | 1) => first.to_owned(),
        (Some(first), all) => format!("{first} (+{})", all - 1),
    };
    let worst = end.problems.iter().max_by_key(|problem| problem.severity);
    let text = match &end.outcome {
        Outcome::Failed => return Reason::of_end(end).harmless(),
        Outcome::Skipped { reason, .. } | Outcome::NotRun { reason } => reason.clone(),
        _ if worst.is_some() => more(
            worst.map(|problem| problem.text.as_str()),
            end.problems.len(),
        ),
        Outcome::Changed => more(end.changed.first().map(String::as_str), end.changed.len()),
        Outcome::Already => more(end.already.first().map(String::as_str), end.already.len()),
        Outcome::Cancelled => String::new(),
    };
    Reason::plain(&text).harmless()
}
