//! Hosts as rows: those that matter most first, each with what it does and says.

use phalanx_events::{
    HostState, HostStatus, Outcome, RebootPhase, RunState, TaskState, TaskStatus,
};
use phalanx_plan::{Gate, Plan, TaskId};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::log_pane;
use super::paint::Paint;
use super::{LiveView, LogPort, Moment, Now, PlanIndex};
use crate::duration::clock;
use crate::reason::Reason;
use crate::terminal_text::harmless;
use crate::timeline::TaskTimes;

const LONGEST_NAME: usize = 24;
const LONGEST_STAGE: usize = 12;
/// The column of times, with the space behind it.
const TIME: u16 = 8;

/// How much a host matters; the first matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Failed,
    Working,
    Waiting,
    Done,
}

/// How a host stands.
#[derive(Clone, Debug)]
pub(super) struct HostNow {
    pub(super) rank: Rank,
    /// The task that it is about, by its place in the plan.
    pub(super) task: Option<usize>,
    /// Since when.
    pub(super) since_ms: Option<u64>,
    /// What there is to say of it; nothing: what it says itself.
    pub(super) text: Option<String>,
    /// Why it failed: the same, to be told where there is little room.
    pub(super) reason: Option<Reason>,
    /// What the operator can do.
    pub(super) advice: Vec<String>,
}

/// Looks at every host, in the plan's order.
pub(super) fn look(plan: &Plan, index: &PlanIndex, state: &RunState) -> Vec<HostNow> {
    let open = open_by_stage(plan, state);
    let hosts = plan.hosts.iter().enumerate();
    hosts
        .map(|(at, host)| {
            let tasks = index.of_host.get(at).map_or(&[][..], Vec::as_slice);
            look_at(
                plan,
                index,
                tasks,
                state,
                state.hosts.get(&host.name),
                &open,
            )
        })
        .collect()
}

/// How many tasks of a stage are not over.
fn open_by_stage(plan: &Plan, state: &RunState) -> Vec<usize> {
    let mut open = vec![0; plan.stages.len()];
    for task in &plan.tasks {
        let is_over = state
            .tasks
            .get(&task.id)
            .is_some_and(|known| known.end().is_some());
        if let Some(open) = open.get_mut(task.stage).filter(|_| !is_over) {
            *open += 1;
        }
    }
    open
}

fn look_at(
    plan: &Plan,
    index: &PlanIndex,
    tasks: &[usize],
    state: &RunState,
    host: Option<&HostState>,
    open: &[usize],
) -> HostNow {
    let known = |at: usize| {
        plan.tasks
            .get(at)
            .and_then(|task| state.tasks.get(&task.id))
    };
    let of_rank = |rank, task, since_ms, text| HostNow {
        rank,
        task,
        since_ms,
        text,
        reason: None,
        advice: Vec::new(),
    };
    let failed_for = |task, since_ms, reason: Reason, advice: Option<&str>| HostNow {
        advice: [reason.fix.as_deref(), advice]
            .into_iter()
            .flatten()
            .map(harmless)
            .collect(),
        reason: Some(reason.harmless()),
        ..of_rank(
            Rank::Failed,
            task,
            since_ms,
            Some(harmless(&reason.whole())),
        )
    };
    if host.is_some_and(|host| host.left_out) {
        let text = Some("left out by the operator; r takes it in again".to_owned());
        return of_rank(Rank::Failed, None, None, text);
    }
    let failed = tasks.iter().copied().find_map(|at| {
        let known = known(at)?;
        let end = known.end()?;
        matches!(end.outcome, Outcome::Failed).then_some((at, known, end))
    });
    if let Some((at, known, end)) = failed {
        let mut reason = Reason::of_end(end);
        let failure = end.failure.as_ref();
        let last = failure.and_then(|failure| Some((&failure.message, failure.lines.last()?)));
        if let Some((message, last)) = last
            && reason.says == *message
        {
            reason.says = format!("{message}: {last}");
        }
        let advice = failure.and_then(|failure| failure.advice.as_deref());
        return failed_for(Some(at), known.ended_ms, reason, advice);
    }
    if let Some(HostStatus::Failed(failure)) = host.map(|host| &host.status) {
        let reason = Reason::of_failure(failure);
        return failed_for(None, None, reason, failure.advice.as_deref());
    }
    let under_way = tasks.iter().copied().find_map(|at| {
        let known = known(at)?;
        let is_under_way = known.is_running() || matches!(known.status, TaskStatus::Again(_));
        is_under_way.then_some((at, known))
    });
    if let Some((at, known)) = under_way {
        return of_rank(Rank::Working, Some(at), known.attempt_ms, words(known));
    }
    if let Some(HostStatus::Retrying { reason }) = host.map(|host| &host.status) {
        let text = format!("no answer yet: {reason}");
        return of_rank(Rank::Working, None, None, Some(harmless(&text)));
    }
    let next = tasks
        .iter()
        .copied()
        .find(|at| known(*at).is_none_or(|known| known.end().is_none()));
    match next {
        Some(at) => {
            let held = plan
                .tasks
                .get(at)
                .and_then(|task| held_by(index, &task.gates, open));
            let text = match (host.map(|host| &host.status), held) {
                (None | Some(HostStatus::Unknown), _)
                    if !state.tasks.is_empty() || host.is_none() =>
                {
                    "connecting".to_owned()
                }
                _ if state.ended.is_some() => "not begun".to_owned(),
                (_, Some(held)) => format!("waits for all of {held}"),
                (_, None) => "waits for its turn".to_owned(),
            };
            of_rank(Rank::Waiting, Some(at), None, Some(text))
        }
        None => {
            let ends = tasks.iter().filter_map(|at| known(*at)?.end());
            let mut not_run = ends.filter(|end| !end.outcome.is_done()).peekable();
            let why = match not_run.peek().map(|end| &end.outcome) {
                Some(Outcome::NotRun { reason }) => format!(": {}", harmless(reason)),
                _ => String::new(),
            };
            match not_run.count() {
                0 => of_rank(Rank::Done, None, None, Some("done".to_owned())),
                left => of_rank(
                    Rank::Waiting,
                    None,
                    None,
                    Some(format!("{left} not run{why}")),
                ),
            }
        }
    }
}

/// The first gate that holds a task back.
fn held_by<'a>(index: &PlanIndex, gates: &'a [Gate], open: &[usize]) -> Option<&'a str> {
    gates.iter().find_map(|gate| match gate {
        Gate::All(stage) => {
            let at = index.stages.get(stage)?;
            (open.get(*at).copied().unwrap_or(0) > 0).then_some(stage.as_str())
        }
        Gate::Own(_) => None,
    })
}

/// What there is to say of a task under way.
fn words(task: &TaskState) -> Option<String> {
    match &task.status {
        TaskStatus::Detached => return Some("connection lost; the job goes on there".to_owned()),
        TaskStatus::Again(end) => {
            let text = format!(
                "attempt {} failed, another follows: {}",
                task.attempt,
                Reason::of_end(end).whole()
            );
            return Some(harmless(&text));
        }
        _ => {}
    }
    if let Some((phase, _)) = &task.reboot {
        let text = match phase {
            RebootPhase::Requested => "asked to reboot",
            RebootPhase::Down => "down",
            RebootPhase::Up => "up again",
            RebootPhase::Proven => "rebooted",
        };
        return Some(text.to_owned());
    }
    task.waiting_for
        .as_deref()
        .map(|text| harmless(&format!("waits: {text}")))
}

/// The gate that most hosts wait for: how many they are, its stage, and hosts that it waits for itself.
pub(super) fn biggest_gate(view: &LiveView, now: &Now) -> Option<String> {
    let (plan, state) = (&view.plan, &view.state);
    let open = open_by_stage(plan, state);
    let mut waiting = vec![0usize; plan.stages.len()];
    for host in now.hosts.iter().filter(|host| host.rank == Rank::Waiting) {
        let gates = host
            .task
            .and_then(|at| plan.tasks.get(at))
            .map(|task| &task.gates);
        let held = gates.and_then(|gates| held_by(&view.index, gates, &open));
        let at = held.and_then(|stage| view.index.stages.get(stage));
        if let Some(count) = at.and_then(|at| waiting.get_mut(*at)) {
            *count += 1;
        }
    }
    let (at, hosts) = waiting
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(_, hosts)| *hosts)?;
    if hosts == 0 {
        return None;
    }
    let is_open = |id: &TaskId| {
        state
            .tasks
            .get(id)
            .is_none_or(|known| known.end().is_none())
    };
    let still: Vec<&str> = plan
        .tasks
        .iter()
        .filter(|task| task.stage == at && is_open(&task.id))
        .map(|task| task.id.host.as_str())
        .collect();
    let mut named = still.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    if still.len() > 3 {
        named.push_str(&format!(" and {} more", still.len() - 3));
    }
    let (hosts, wait) = match hosts {
        1 => ("1 host".to_owned(), "waits"),
        hosts => (format!("{hosts} hosts"), "wait"),
    };
    let stage = plan.stages.get(at)?;
    Some(format!(
        "{hosts} {wait} for all of {}, still open on {named}",
        stage.id
    ))
}

/// How wide the columns of names and stages are, and where the text begins.
fn columns(view: &LiveView, width: u16) -> (u16, u16, u16) {
    let widest = |names: &mut dyn Iterator<Item = usize>, most| names.max().unwrap_or(4).min(most);
    let name = widest(
        &mut view.plan.hosts.iter().map(|host| host.name.as_str().len()),
        LONGEST_NAME,
    );
    let stage = widest(
        &mut view.plan.stages.iter().map(|stage| stage.id.as_str().len()),
        LONGEST_STAGE,
    );
    let (name, stage) = (
        u16::try_from(name).unwrap_or(24),
        u16::try_from(stage).unwrap_or(12),
    );
    let (name, stage) = match width {
        0..50 => (name.min(14), 0),
        _ => (name, stage),
    };
    let behind_stage = if stage > 0 { stage + 1 } else { 0 };
    (name, stage, 2 + name + 1 + behind_stage + TIME)
}

/// Whether a row of this width cuts what there is to say of a host.
pub(super) fn is_cut(view: &LiveView, host: &HostNow, width: u16) -> bool {
    let (_, _, from) = columns(view, width);
    let text = host.text.as_deref().unwrap_or_default();
    unicode_width::UnicodeWidthStr::width(text) > usize::from(width.saturating_sub(from))
}

/// Paints the rows that fit.
pub(super) fn draw(
    view: &LiveView,
    now: &Now,
    buffer: &mut Buffer,
    area: Rect,
    moment: Moment,
    logs: &mut dyn LogPort,
) {
    let paint = Paint::new(view.options);
    let (name, stage, text_from) = columns(view, area.width);
    let rows = usize::from(area.height);
    for (row, shown) in now.order.iter().skip(view.top).take(rows).enumerate() {
        let at = shown.host;
        let (Some(host), Some(planned)) = (now.hosts.get(at), view.plan.hosts.get(at)) else {
            continue;
        };
        let y = area.y + u16::try_from(row).unwrap_or(0);
        let (mark, style) = match host.rank {
            Rank::Failed => (paint.pick("✗", "!"), paint.bad()),
            Rank::Working => (paint.pick("▶", ">"), paint.working()),
            Rank::Waiting => (paint.pick("·", "."), paint.dim()),
            Rank::Done => (paint.pick("✓", "+"), paint.good()),
        };
        let is_selected = view.selected.as_ref() == Some(&planned.name);
        paint.put(buffer, (area.x, y), 1, mark, style);
        let name_style = if is_selected { paint.cursor() } else { style };
        let names = (area.x + 2, y);
        paint.put(buffer, names, name, planned.name.as_str(), name_style);
        let task = host.task.and_then(|at| view.plan.tasks.get(at));
        if stage > 0 {
            let text = task.map_or("", |task| task.id.stage.as_str());
            let stages = (area.x + 2 + name + 1, y);
            paint.put(buffer, stages, stage, text, paint.plain());
        }
        let x = area.x + text_from;
        let time = host.since_ms.map(|since| match host.rank {
            // How long it took until it failed.
            Rank::Failed => {
                let known = task.and_then(|task| view.timeline.tasks.get(&task.id));
                clock(known.map_or(0, TaskTimes::worked))
            }
            _ => clock(moment.run_ms.saturating_sub(since)),
        });
        let times = (x - TIME, y);
        paint.put_right(
            buffer,
            times,
            TIME - 1,
            &time.unwrap_or_default(),
            paint.dim(),
        );
        let style = match host.rank {
            Rank::Failed => paint.bad(),
            Rank::Working => paint.plain(),
            Rank::Waiting | Rank::Done => paint.dim(),
        };
        let width = area.right().saturating_sub(x);
        let more = match shown.more {
            0 => String::new(),
            more => format!("and {more} more: "),
        };
        let text = match &host.reason {
            Some(reason) => {
                let room = usize::from(width).saturating_sub(more.len());
                reason.within(room, paint.pick("…", "~"))
            }
            None => text_of(view, host, logs),
        };
        paint.put(buffer, (x, y), width, &format!("{more}{text}"), style);
    }
}

/// What there is to say of a host, else what it said last.
fn text_of(view: &LiveView, host: &HostNow, logs: &mut dyn LogPort) -> String {
    let task = host.task.and_then(|at| view.plan.tasks.get(at));
    match (&host.text, task) {
        (Some(text), _) => text.clone(),
        (None, Some(task)) => {
            let known = view.state.tasks.get(&task.id);
            let attempt = known.map_or(1, |known| known.attempt);
            let last = log_pane::last_line(logs, &task.id, attempt);
            last.unwrap_or_else(|| match attempt {
                0 | 1 => String::new(),
                attempt => format!("attempt {attempt}"),
            })
        }
        (None, None) => String::new(),
    }
}
