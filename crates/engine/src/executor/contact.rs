//! The connection between tasks: the first contact, what is made up for then, and what there is to do meanwhile.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, FailureKind};
use phalanx_plan::TaskId;
use phalanx_remote::{Connection, JobCall, JobId, JobWatch};
use tokio::time::sleep;

use super::Executor;
use super::cancel::at_least;
use super::cut::Cut;
use super::log_file::LogFile;
use super::over::{Break, Call, CallError, Patience};
use crate::late;
use crate::message::Report;

impl Executor {
    /// Connects, and tells what came of it; that the host does not answer, only the first time. Gives
    /// whether it is worth trying again later.
    pub(super) async fn contact(&mut self, is_first: bool) -> bool {
        let host = self.host;
        match self
            .over(Patience::Reconnect, &mut FirstContact)
            .await
            .map_err(Cut::from)
        {
            Ok(()) => {
                self.fill_logs().await;
                self.send(Report::Ready { host }).await;
                false
            }
            Err(Cut::Failed(failure)) => {
                let may_come = failure.kind == FailureKind::Unreachable;
                if is_first || !may_come {
                    self.send(Report::Gone { host, failure }).await;
                } else {
                    self.send(Report::Away { host }).await;
                }
                may_come
            }
            Err(Cut::Cancelled) => false,
        }
    }

    /// What there is to do between orders. As long as the run goes on, a host that did not answer may yet:
    /// after the pause, tries to connect once more. Gives the pause before the next time.
    pub(super) async fn meanwhile(&mut self, away: Option<Duration>) -> Option<Duration> {
        let Some(pause) = away else {
            self.keep_link().await;
            return None;
        };
        sleep(pause).await;
        self.contact(false).await.then(|| late::longer(pause))
    }

    /// The host is ours before it tells what it is like.
    async fn hold_and_read(&mut self, connection: &dyn Connection) -> Result<(), Cut> {
        self.hold(connection).await?;
        let mut cancel = self.cancel.clone();
        tokio::select! {
            biased;
            () = at_least(&mut cancel, CancelLevel::NoNewTasks) => Err(Cut::Cancelled),
            read = self.read_and_compare(connection) => read,
        }
    }

    async fn read_and_compare(&mut self, connection: &dyn Connection) -> Result<(), Cut> {
        let boot = self.read_facts(connection).await?;
        self.is_another_machine(connection, boot).await
    }

    /// Fetches again what this machine has lost of the logs of jobs that are over. Where that fails, the
    /// host keeps what it has.
    async fn fill_logs(&mut self) {
        // One at a time: whoever is called away in the middle of it takes it up again.
        while let Some((task, number)) = self.short.last().cloned() {
            let filled = self.fill_log(&task, number).await;
            self.short.pop();
            if let Err(reason) = filled {
                self.keeps_spool = true;
                let text = format!("the log of {task} is not complete: {reason}");
                let host = task.host.clone();
                self.progress(EventKind::HostNotice { host, text }).await;
            }
        }
    }

    async fn fill_log(&mut self, task: &TaskId, number: u32) -> Result<(), String> {
        let path = self.shared.folder.attempt_log_path(task, number);
        let log = LogFile::go_on(path, task.clone(), self.shared.telling.clone());
        let mut fill = FillLog {
            job: self.job_id(&task.stage, number),
            log: log.map_err(|error| error.to_string())?,
        };
        let filled = self.over(Patience::Few, &mut fill).await;
        filled.map_err(|error| match error {
            CallError::NoLink(Cut::Failed(failure)) => failure.message,
            CallError::NoLink(Cut::Cancelled) => "the run is to stop".to_owned(),
            CallError::WornOut(_) => "the connection breaks again and again".to_owned(),
            CallError::Other(why) => why,
        })
    }

    /// Between tasks: a connection that breaks is made again, since who gives no sign of life loses the
    /// host.
    async fn keep_link(&mut self) {
        if self.fence() == 0 {
            return std::future::pending().await;
        }
        if let Some(connection) = self.link.current() {
            connection.lost().await;
            self.link.drop_connection().await;
        }
        if self.link.get().await.is_err() {
            sleep(late::pause(0)).await;
        }
    }
}

/// Takes the host, and reads what it is like.
struct FirstContact;

impl Call for FirstContact {
    type Done = ();
    type Error = Cut;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<(), Break<Cut>> {
        match executor.hold_and_read(&**connection).await {
            Err(Cut::Failed(lost)) if lost.kind == FailureKind::Unreachable => Err(Break::Lost {
                why: lost.message,
                got_further: false,
            }),
            other => Ok(other?),
        }
    }
}

/// Follows a job that is over into its log.
struct FillLog {
    job: JobId,
    log: LogFile,
}

impl Call for FillLog {
    type Done = ();
    type Error = String;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<(), Break<String>> {
        let call = JobCall {
            id: &self.job,
            fence: executor.fence(),
            start: None,
            offset: self.log.offset(),
        };
        let followed = connection.job(call, &mut Filling(&mut self.log)).await;
        followed
            .map(drop)
            .map_err(|error| Break::of(error, |error| error.to_string()))
    }
}

struct Filling<'a>(&'a mut LogFile);

impl JobWatch for Filling<'_> {
    fn accepted(&mut self) {}

    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write(bytes)
    }
}
