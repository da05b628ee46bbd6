//! Whose output is looked at.

use super::log_pane::LogPane;
use super::model::Model;
use super::now::Now;

/// The log of the chosen host, else of the first that is seen.
pub(super) fn log_of(view: &Model, now: &Now) -> Option<LogPane> {
    let first = now.order.get(view.top).map(|row| row.host);
    let host = view.selected_host().or(first)?;
    let tasks = view.index.of_host.get(host).map_or(&[][..], Vec::as_slice);
    // One that is done shows what it did last.
    let begun = |task: &&usize| {
        let id = view.plan.tasks.get(**task).map(|task| &task.id);
        id.and_then(|id| view.state.tasks.get(id))
            .is_some_and(|known| known.attempt > 0)
    };
    let current = now.hosts.get(host).and_then(|host| host.task);
    let current = current.filter(|task| begun(&task));
    let task = current.or_else(|| tasks.iter().rev().find(begun).copied());
    Some(LogPane::new(host, task.or_else(|| tasks.first().copied())))
}
