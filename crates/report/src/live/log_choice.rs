//! Whose output is looked at.

use phalanx_plan::TaskIx;

use super::log_pane::LogPane;
use super::model::Model;
use super::now::Now;

/// The log of the chosen host, else of the first that is seen.
pub(super) fn log_of(view: &Model, now: &Now) -> Option<LogPane> {
    let first = now.order.get(view.top).map(|row| row.host);
    let host = view.selected_host().or(first)?;
    let tasks = view.plan.tasks_of_host(host);
    // One that is done shows what it did last.
    let begun = |task: &&TaskIx| {
        let known = view.state.tasks.get(&view.plan.task(**task).id);
        known.is_some_and(|known| known.attempt > 0)
    };
    let current = now.hosts[host].task.filter(|task| begun(&task));
    let task = current.or_else(|| tasks.iter().rev().find(begun).copied());
    Some(LogPane::new(host, task.or_else(|| tasks.first().copied())))
}
