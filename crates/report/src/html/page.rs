//! What all parts of the page are made of.

use phalanx_events::RunState;
use phalanx_plan::{PreparedPlan, TaskId};

use crate::data::RunReport;
use crate::timeline::Timeline;

/// What the page needs beside plan and events.
pub struct HtmlContext<'a> {
    /// The last part of the log of a task's attempt, where there is one.
    pub log: &'a dyn Fn(&TaskId, u32) -> Option<String>,
}

/// What all parts of the page look at.
pub(super) struct Page<'a> {
    pub(super) plan: &'a PreparedPlan,
    pub(super) report: &'a RunReport,
    pub(super) timeline: Timeline,
    pub(super) state: RunState,
    pub(super) context: &'a HtmlContext<'a>,
}
