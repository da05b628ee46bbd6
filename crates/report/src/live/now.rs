//! How the run stands, ready to be shown.

use phalanx_plan::{HostIx, StageIx, Table};

use super::host_now::HostNow;
use super::stage_now::StageNow;

/// The state, ready to be shown.
pub(super) struct Now {
    pub(super) stages: Table<StageIx, StageNow>,
    pub(super) hosts: Table<HostIx, HostNow>,
    /// Rows of hosts in the order in which they are shown.
    pub(super) order: Vec<Row>,
    pub(super) total: StageNow,
    /// What there is to know of hosts.
    pub(super) notes: Vec<String>,
}

/// One row: a host, and how many more are as it is.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) host: HostIx,
    pub(super) more: usize,
}
