//! Follows a job: what it says goes to its log, and that the host has it is told.

use std::io;

use phalanx_events::EventKind;
use phalanx_plan::TaskId;
use phalanx_remote::JobWatch;
use tokio::sync::mpsc;

use super::log_file::LogFile;
use crate::message::Report;

/// Tells the dispatcher, once, that the host has the job.
pub(super) struct Watch {
    pub(super) task: TaskId,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) accepted: bool,
}

/// Follows the job into its log.
pub(super) struct Follow<'a> {
    pub(super) watch: &'a mut Watch,
    pub(super) log: &'a mut LogFile,
}

impl JobWatch for Follow<'_> {
    fn accepted(&mut self) {
        if !self.watch.accepted {
            self.watch.accepted = true;
            // Only a hint for displays and for resume: where the queue is full it is left out, and
            // a later start of the same id attaches all the same.
            let task = self.watch.task.clone();
            let _ = self
                .watch
                .reports
                .try_send(Report::Progress(Box::new(EventKind::TaskAccepted { task })));
        }
    }

    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.log.write(bytes)?;
        if let Some(text) = self.log.cut_to_tell() {
            let host = self.watch.task.host.clone();
            let notice = Report::Progress(Box::new(EventKind::HostNotice { host, text }));
            if self.watch.reports.try_send(notice).is_err() {
                self.log.cut_not_told(); // the queue is full: later, or at the end
            }
        }
        Ok(())
    }
}
