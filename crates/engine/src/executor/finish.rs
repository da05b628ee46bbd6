//! The end of the run on one host.

use phalanx_remote::{JobError, RequestError};

use super::Executor;
use super::failure::HostError as _;
use super::link::NoLink;

/// How often something is tried over a connection that breaks.
pub(super) const TRIES: u32 = 5;

impl Executor {
    /// The end of the run: what its jobs left on the host is removed, if all went well.
    pub(super) async fn finish(&mut self, collect: bool) {
        let clears = collect && self.had_jobs && !self.keeps_spool;
        let fence = self.fence();
        let mut failed = None;
        for _ in 0..TRIES {
            // A connection that is lost by now is made again where there is something to do.
            let connection = match self.link.current() {
                Some(connection) => connection,
                None if clears || fence > 0 => match self.link.get_to_stop().await {
                    Ok(connection) => connection,
                    Err(NoLink::Failed(failure)) => {
                        failed = Some(failure.message);
                        break;
                    }
                    Err(NoLink::Cancelled) => break,
                },
                None => break,
            };
            let done = if clears {
                connection
                    .collect_jobs(self.shared.run.as_str(), fence)
                    .await
            } else if fence > 0 {
                connection.release(fence).await
            } else {
                Ok(())
            };
            match done {
                // What somebody else has by now is let go.
                Ok(()) | Err(JobError::Request(RequestError::Fenced { .. })) => {
                    failed = None;
                    break;
                }
                Err(error) => {
                    let lost = error.is_loss();
                    failed = Some(error.to_string());
                    if !lost {
                        break;
                    }
                    self.link.drop_connection().await;
                }
            }
        }
        if let Some(reason) = failed {
            let what = match clears {
                true => "what the run's jobs left in the spool was not removed",
                false => "the host was not let go; it will be in half a minute",
            };
            let text = format!("{what}: {reason}");
            self.tell_host(text).await;
        }
        self.link.drop_connection().await;
    }
}
