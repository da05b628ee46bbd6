//! How the run stands, ready to be shown.

use super::host_now::HostNow;
use super::stage_now::StageNow;

/// The state, ready to be shown.
pub(super) struct Now {
    pub(super) stages: Vec<StageNow>,
    pub(super) hosts: Vec<HostNow>,
    /// Rows of hosts in the order in which they are shown.
    pub(super) order: Vec<Row>,
    pub(super) total: StageNow,
    /// What there is to know of hosts.
    pub(super) notes: Vec<String>,
}

/// One row: a host, and how many more are as it is.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) host: usize,
    pub(super) more: usize,
}
