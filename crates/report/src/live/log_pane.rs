//! Which log is looked at, and where in it.

use super::interface::Key;

/// Which log, and where in it.
#[derive(Default)]
pub(super) struct LogPane {
    pub(super) host: usize,
    /// The task, by its place in the plan.
    pub(super) task: Option<usize>,
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
    pub(super) fn new(host: usize, task: Option<usize>) -> Self {
        Self {
            host,
            task,
            page: 1,
            ..Self::default()
        }
    }

    /// Takes a key; gives whether it was one for the log.
    pub(super) fn key(&mut self, key: Key, tasks: &[usize]) -> bool {
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
    fn step(&mut self, tasks: &[usize], forward: bool) {
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
