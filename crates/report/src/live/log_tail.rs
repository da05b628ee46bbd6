//! The end of a task's output.

use phalanx_plan::TaskId;

use super::interface::LogPort;
use crate::terminal_text;

/// So much of a log is looked at for its last line.
const LAST: usize = 2 * 1024;

/// The last line with something in it that a task has said.
pub(super) fn last_line(logs: &mut dyn LogPort, task: &TaskId, attempt: u32) -> Option<String> {
    let size = logs.size(task, attempt);
    let from = size.saturating_sub(LAST as u64);
    let bytes = logs.read(task, attempt, from, LAST);
    let mut lines = bytes.rsplit(|byte| *byte == b'\n').map(terminal_text::line);
    lines.find(|line| !line.trim().is_empty())
}
