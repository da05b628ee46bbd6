//! What hosts have said last.

use phalanx_plan::TaskId;

use super::host_now::HostNow;
use super::interface::LogPort;
use super::model::Model;
use crate::terminal_text;

/// So much of a log is looked at for its last line.
const LAST: usize = 2 * 1024;

/// What there is to say of a host, else what it said last.
pub(super) fn text_of(view: &Model, host: &HostNow, logs: &mut dyn LogPort) -> String {
    let task = host.task.map(|task| view.plan.task(task));
    match (&host.text, task) {
        (Some(text), _) => text.clone(),
        (None, Some(task)) => {
            let known = view.state.tasks.get(&task.id);
            let attempt = known.map_or(1, |known| known.attempt);
            let last = last_line(logs, &task.id, attempt);
            last.unwrap_or_else(|| match attempt {
                0 | 1 => String::new(),
                attempt => format!("attempt {attempt}"),
            })
        }
        (None, None) => String::new(),
    }
}

/// The last line with something in it that a task has said.
fn last_line(logs: &mut dyn LogPort, task: &TaskId, attempt: u32) -> Option<String> {
    let size = logs.size(task, attempt);
    let from = size.saturating_sub(LAST as u64);
    let bytes = logs.read(task, attempt, from, LAST);
    let mut lines = bytes.rsplit(|byte| *byte == b'\n').map(terminal_text::line);
    lines.find(|line| !line.trim().is_empty())
}
