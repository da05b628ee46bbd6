//! Which log is looked at, and where in it.

use phalanx_plan::{HostIx, PreparedPlan, TaskIx};

use super::interface::Key;

/// Which log, and where in it.
#[derive(Clone, Copy)]
pub(super) struct LogPane {
    pub(super) host: HostIx,
    pub(super) task: Option<TaskIx>,
    /// The byte at which the screen ends; none: it follows.
    pub(super) bottom: Option<u64>,
    /// How many attempts before the last.
    pub(super) back: u32,
    /// How far the keys want to move, in lines.
    pub(super) by: i64,
    pub(super) to_top: bool,
    pub(super) page: u16,
}

impl LogPane {
    pub(super) fn new(host: HostIx, task: Option<TaskIx>) -> Self {
        Self {
            host,
            task,
            bottom: None,
            back: 0,
            by: 0,
            to_top: false,
            page: 1,
        }
    }

    /// The same place in a log of another plan; nothing where that has no such host.
    pub(super) fn within(&self, before: &PreparedPlan, now: &PreparedPlan) -> Option<Self> {
        let host = now.host_ix(&before.host(self.host).name)?;
        let task = self
            .task
            .and_then(|task| now.task_ix(&before.task(task).id));
        Some(match self.task.is_some() == task.is_some() {
            true => Self {
                host,
                task,
                ..*self
            },
            false => Self::new(host, now.tasks_of_host(host).first().copied()),
        })
    }

    /// Takes a key; gives whether it was one for the log.
    pub(super) fn key(&mut self, key: Key, tasks: &[TaskIx]) -> bool {
        let page = i64::from(self.page.max(2) - 1);
        match key {
            Key::Up | Key::Char('k') => self.by -= 1,
            Key::Down | Key::Char('j') => self.by += 1,
            Key::PageUp => self.by -= page,
            Key::PageDown | Key::Char(' ') => self.by += page,
            Key::Home | Key::Char('g') => self.to_top = true,
            Key::End | Key::Char('G') => self.bottom = None,
            Key::Left | Key::Char('h') => self.step(tasks, false),
            Key::Right | Key::Char('l') => self.step(tasks, true),
            Key::Char('[') => (self.back, self.bottom) = (self.back.saturating_add(1), None),
            Key::Char(']') => (self.back, self.bottom) = (self.back.saturating_sub(1), None),
            _ => return false,
        }
        true
    }

    /// To the stage before or after.
    fn step(&mut self, tasks: &[TaskIx], forward: bool) {
        let at = self
            .task
            .and_then(|task| tasks.iter().position(|other| *other == task));
        let next = match (at, forward) {
            (Some(at), true) => tasks.get(at + 1),
            (Some(at), false) => at.checked_sub(1).and_then(|at| tasks.get(at)),
            (None, _) => tasks.last(),
        };
        if let Some(next) = next {
            self.task = Some(*next);
            (self.back, self.bottom) = (0, None);
        }
    }
}
