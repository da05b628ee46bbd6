//! Ctrl-C and its relatives.

use std::convert::Infallible;
use std::io;

use phalanx_events::CancelLevel;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::orders::Orders;
use crate::terminal::Terminal;

/// The signals that are listened for, from the moment this is made.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Tells the run to stop, for as long as it is polled: Ctrl-C once: no new tasks; twice,
    /// or SIGTERM: running jobs are stopped; thrice, or SIGHUP: leave. Each time `remarks` is told what was
    /// understood and what the next Ctrl-C does.
    pub(crate) async fn obey(mut self, orders: &Orders, remarks: Option<&Terminal>) -> Infallible {
        loop {
            let wanted = tokio::select! {
                _ = self.interrupt.recv() => next(orders.level()),
                _ = self.terminate.recv() => CancelLevel::StopJobs,
                _ = self.hangup.recv() => CancelLevel::Leave,
            };
            let rose = orders.stop(wanted).is_ok();
            if let Some(terminal) = remarks.filter(|_| rose) {
                terminal.remark(words(wanted));
            }
        }
    }
}

/// What one more Ctrl-C means.
pub(crate) fn next(level: Option<CancelLevel>) -> CancelLevel {
    match level {
        None => CancelLevel::NoNewTasks,
        Some(CancelLevel::NoNewTasks) => CancelLevel::StopJobs,
        Some(CancelLevel::StopJobs | CancelLevel::Leave) => CancelLevel::Leave,
    }
}

fn words(level: CancelLevel) -> &'static str {
    match level {
        CancelLevel::NoNewTasks => {
            "stopping: no new tasks; those under way go on to their end. Ctrl-C again stops them"
        }
        CancelLevel::StopJobs => {
            "stopping the tasks under way. Ctrl-C again leaves at once; jobs then go on on their hosts"
        }
        CancelLevel::Leave => "leaving; jobs under way go on on their hosts",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_it_is_more_urgent() {
        let once = next(None);
        let twice = next(Some(once));
        let thrice = next(Some(twice));
        assert!(once < twice && twice < thrice);
        assert_eq!(next(Some(thrice)), CancelLevel::Leave);
    }
}
