//! The end of the run on one host.

use std::sync::Arc;

use phalanx_remote::{Connection, JobError, RequestError};

use super::Executor;
use super::cut::Cut;
use super::over::{Break, Call, CallError, Patience};

impl Executor {
    /// The end of the run: what its jobs left on the host is removed, if all went well.
    pub(super) async fn finish(&mut self, collect: bool) {
        let clears = collect && self.had_jobs && !self.keeps_spool;
        // Where there is nothing to do, a connection that is lost by now is not made again.
        if (clears || self.fence() > 0)
            && let Err(error) = self.over(Patience::FewToStop, &mut LetGo { clears }).await
            && let Some(reason) = reason(error)
        {
            let what = match clears {
                true => "what the run's jobs left in the spool was not removed",
                false => "the host was not let go; it will be in half a minute",
            };
            self.tell_host(format!("{what}: {reason}")).await;
        }
        self.link.drop_connection().await;
    }
}

/// Lets the host go, and removes what the run's jobs left where that is wanted.
struct LetGo {
    clears: bool,
}

impl Call for LetGo {
    type Done = ();
    type Error = String;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<(), Break<String>> {
        let fence = executor.fence();
        let let_go = match self.clears {
            true => {
                let run = executor.shared.run.as_str();
                connection.collect_jobs(run, fence).await
            }
            false => connection.release(fence).await,
        };
        match let_go {
            // What somebody else has by now is let go.
            Ok(()) | Err(JobError::Request(RequestError::Fenced { .. })) => Ok(()),
            Err(error) => Err(Break::of(error, |error| error.to_string())),
        }
    }
}

/// Why the host was not let go, where that is worth a word.
fn reason(error: CallError<String>) -> Option<String> {
    match error {
        CallError::NoLink(Cut::Cancelled) => None,
        CallError::NoLink(Cut::Failed(failure)) => Some(failure.message),
        CallError::WornOut(why) | CallError::Other(why) => Some(why),
    }
}
