//! What the command knows of a run, and its events do not.

use phalanx_plan::TaskId;

/// What a report needs to know beside plan and events.
pub struct ReportContext<'a> {
    /// The run's id.
    pub run: &'a str,
    /// The command as it was called, up to the subcommand: `phalanx`, `phalanx -c lab.yaml`.
    pub command: &'a str,
    /// Options that a flow has to be given again to be about the same: ` --on worker1`, or nothing.
    pub again: &'a str,
    /// Whether somebody works on it right now.
    pub running: bool,
    /// Whether a newer program has written it: only that one may go on with it.
    pub newer: bool,
    /// The lab that the hosts are of, where they are no real servers.
    pub lab: Option<&'a str>,
    /// Where the log of a task's attempt is, as it is shown.
    pub log: &'a dyn Fn(&TaskId, u32) -> String,
}
