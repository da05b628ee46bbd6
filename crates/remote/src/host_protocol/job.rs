//! Jobs: started, followed, cancelled, collected.

use std::time::Duration;

use crate::answer::{Answer, field};
use crate::error::{JobError, RequestError};
use crate::port::{JobCall, JobEnd, JobId, JobStart, JobState, JobWatch, is_plain_name};
use crate::refusal::Said;

use super::environment::Environment;
use super::request::{PIECES, Request};
use super::talk::Ended;
use super::{HostProtocol, JobKeeper, clock, numbers, taken, unexpected};

/// The host counts the grace of a cancel in these.
const TICK: Duration = Duration::from_millis(50);

/// How long the host may take, beyond the grace, until all of a job's processes are dead.
const KILLED_WITHIN: Duration = Duration::from_secs(20);

impl HostProtocol {
    /// Starts a job, or attaches to it, and follows it to its end. See [`crate::HostJobs::job`].
    ///
    /// # Errors
    /// See [`JobError`]; [`RequestError::Protocol`] also where the id is not a plain name of at most
    /// 200 characters, or the script or its environment cannot be one.
    pub async fn job(
        &self,
        call: JobCall<'_>,
        watch: &mut dyn JobWatch,
    ) -> Result<JobEnd, JobError> {
        let id = plain_name(call.id.as_str())?;
        let start = match &call.start {
            Some(start) => Some((
                start,
                Environment::of(start.script).map_err(RequestError::Protocol)?,
            )),
            None => None,
        };
        // What is read from the network is read before the spool is locked.
        let long = start.as_ref().map_or(&[][..], |(_, env)| &env.long);
        let mut request = self
            .spool_request_after(Request::new().long(long), id, call.fence)?
            .set(
                "verb",
                if call.start.is_some() {
                    "start"
                } else {
                    "attach"
                },
            )
            .number("offset", call.offset)
            .set("unit", &self.unit(id))
            .set("shell", &self.shell);
        if let Some((start, environment)) = &start {
            request = with_start(request, start, environment).map_err(RequestError::Protocol)?;
        }
        let (mut talk, head) = self.ask(&request.piece(&PIECES.job), &[]).await?;
        taken(head).map_err(|why| self.refusal(&why, call.offset))?;
        watch.accepted();
        let mut size = call.offset;
        let end = loop {
            match talk.next().await? {
                Some(Answer::Output(bytes)) => {
                    watch.output(&bytes).map_err(JobError::Output)?;
                    size += bytes.len() as u64;
                }
                Some(Answer::End { words, result }) => break job_end(&words, result, size)?,
                Some(other) => return Err(unexpected(&other).into()),
                None => return Err(RequestError::Lost(talk.cut_short()).into()),
            }
        };
        talk.close().await;
        Ok(end)
    }

    /// Ends a job's process tree. See [`crate::HostJobs::cancel_job`]. A job that has not run yet
    /// will not.
    ///
    /// # Errors
    /// See [`JobError`]; [`RequestError::Protocol`] also where a process cannot be killed.
    pub async fn cancel_job(
        &self,
        id: &JobId,
        fence: u64,
        grace: Duration,
    ) -> Result<(), JobError> {
        let id = plain_name(id.as_str())?;
        let ticks = grace.as_millis().div_ceil(TICK.as_millis());
        let request = self
            .spool_request(id, fence)?
            .set("unit", &self.unit(id))
            .number(
                "grace",
                u64::try_from(ticks).unwrap_or(u64::MAX).min(1 << 30),
            )
            .piece(&PIECES.tree)
            .piece(&PIECES.cancel);
        let (mut talk, head) = self.ask(&request, &[]).await?;
        let head = taken(head).map_err(|why| self.refusal(&why, 0))?;
        if head != "over" {
            // The host tells it to end once a second, then kills what is left of it.
            let within = self.options.stall_timeout + grace + KILLED_WITHIN;
            match talk.end_within(within).await? {
                Ended::Well => {}
                Ended::Refused(why) => return Err(RequestError::Protocol(why).into()),
                Ended::CutShort => return Err(RequestError::Lost(talk.cut_short()).into()),
            }
        }
        talk.close().await;
        Ok(())
    }

    /// Removes what the ended jobs of a run left. See [`crate::HostJobs::collect_jobs`].
    ///
    /// # Errors
    /// See [`JobError`].
    pub async fn collect_jobs(&self, run: &str, fence: u64) -> Result<(), JobError> {
        let run = plain_name(run)?;
        let session = self.options.jobs == JobKeeper::Session;
        let request = self
            .spool_request("", fence)?
            .set("run", run)
            .set("prefix", UNIT_PREFIX)
            .set("keeper", if session { "session" } else { "systemd" })
            .piece(&PIECES.tree)
            .piece(&PIECES.collect);
        let (talk, head) = self.ask(&request, &[]).await?;
        talk.close().await;
        taken(head).map_err(|why| self.refusal(&why, 0))?;
        Ok(())
    }

    /// What every request that touches the spool begins with.
    pub(super) fn spool_request(&self, id: &str, fence: u64) -> Result<Request, RequestError> {
        self.spool_request_after(Request::new(), id, fence)
    }

    fn spool_request_after(
        &self,
        request: Request,
        id: &str,
        fence: u64,
    ) -> Result<Request, RequestError> {
        if i64::try_from(fence).is_err() {
            let why = format!("{fence} is too high for a fence");
            return Err(RequestError::Protocol(why));
        }
        Ok(self
            .with_spool(request, true)
            .set("id", id)
            .number("fence", fence)
            .piece(&PIECES.fence)
            .piece(&PIECES.spool))
    }

    /// The scope of a job, or nothing where there are none.
    fn unit(&self, id: &str) -> String {
        match self.options.jobs {
            JobKeeper::Systemd => format!("{UNIT_PREFIX}{id}.scope"),
            JobKeeper::Session => String::new(),
        }
    }

    pub(super) fn refusal(&self, why: &str, held: u64) -> JobError {
        let spool = || self.options.spool.clone();
        let (word, rest) = why.split_once(' ').unwrap_or((why, ""));
        match (word, numbers::natural(rest.trim())) {
            ("fenced", Some(by)) => JobError::Request(RequestError::Fenced { by }),
            ("shrank", Some(has)) => JobError::OutputShrank { held, has },
            ("removed" | "damaged", _) => match self.fence_error(why) {
                Some(error) => JobError::Request(RequestError::Fence(error)),
                None => JobError::Request(RequestError::Protocol(why.to_owned())),
            },
            ("absent", _) => JobError::Absent,
            ("nosystemd", _) => JobError::NoSystemd,
            ("flock", _) => JobError::NoFlock {
                said: Said::new(rest),
            },
            ("nospace", _) => JobError::NoSpace { spool: spool() },
            ("spool", _) => JobError::Spool {
                spool: spool(),
                reason: rest.to_owned(),
            },
            _ => JobError::Request(RequestError::Protocol(why.to_owned())),
        }
    }
}

/// What the scopes of jobs are called; an id follows.
pub(super) const UNIT_PREFIX: &str = "phalanx-";

/// Adds what is run: the environment and lib.sh in front of the script, which is a file of its own
/// so that the lines in a shell's messages are the script's.
fn with_start(
    request: Request,
    start: &JobStart<'_>,
    environment: &Environment,
) -> Result<Request, String> {
    let exports = &environment.exports;
    let main = format!("{exports}{}. \"$PX_DIR/script\"\n", PIECES.lib);
    let request = request
        .set("px_main", &main)
        .set("px_script", &environment.script);
    let request = match start.secrets {
        Some(secrets) if secrets.contains('\0') => {
            return Err("the secrets hold a NUL character".into());
        }
        Some(secrets) => request.set("px_secrets", secrets),
        None => request,
    };
    Ok(request
        .piece("px_wrapper=")
        .piece(&PIECES.wrapper)
        .piece("\n"))
}

pub(super) fn plain_name(name: &str) -> Result<&str, RequestError> {
    match is_plain_name(name) {
        true => Ok(name),
        false => Err(RequestError::Protocol(format!(
            "{name:?} is not a plain name"
        ))),
    }
}

pub(super) fn job_end(words: &str, result: String, size: u64) -> Result<JobEnd, RequestError> {
    let (state, rest) = words.split_once(' ').unwrap_or((words, ""));
    let flag = |name| field(rest, name) == Some("1");
    let state = match state {
        "ended" if flag("cancel") => JobState::Cancelled,
        "ended" if flag("term") => JobState::Interrupted,
        "ended" => {
            let status = field(rest, "rc").and_then(numbers::status);
            JobState::Ended(status.ok_or_else(|| RequestError::Protocol(words.to_owned()))?)
        }
        "cancelled" => JobState::Cancelled,
        "rebooted" => JobState::Interrupted,
        "died" => JobState::Died,
        "staged" if rest.is_empty() => JobState::NotStarted("it has not run yet".into()),
        "staged" => JobState::NotStarted(rest.to_owned()),
        _ => return Err(RequestError::Protocol(words.to_owned())),
    };
    let took = clock::between(rest);
    let left = field(rest, "left")
        .and_then(numbers::processes)
        .unwrap_or(0);
    let names = field(rest, "names").unwrap_or_default().split(',');
    let names = names.filter(|name| is_plain_name(name) && left > 0);
    Ok(JobEnd {
        state,
        size,
        result,
        took,
        left,
        left_names: names.map(str::to_owned).take(4).collect(),
        full: flag("full"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(words: &str) -> JobEnd {
        job_end(words, String::new(), 7).expect("the words make sense")
    }

    #[test]
    fn a_record_is_read() {
        let end = end(
            "ended rc=4 cancel=0 term=0 left=2 names=nginx,a;b,sleep full=1 from=10.50 to=12.06 boot=x",
        );
        let expected = JobEnd {
            state: JobState::Ended(4),
            size: 7,
            result: String::new(),
            took: Some(Duration::from_millis(1_560)),
            left: 2,
            left_names: vec!["nginx".into(), "sleep".into()],
            full: true,
        };
        assert_eq!(end, expected);
    }

    #[test]
    fn each_state_is_told_apart() {
        assert_eq!(
            end("ended rc=143 cancel=1 term=0").state,
            JobState::Cancelled
        );
        // A script that catches TERM and ends with 0 was interrupted all the same.
        assert_eq!(
            end("ended rc=0 cancel=0 term=1").state,
            JobState::Interrupted
        );
        assert_eq!(end("rebooted ").state, JobState::Interrupted);
        assert_eq!(end("died ").state, JobState::Died);
        assert_eq!(end("cancelled ").state, JobState::Cancelled);
        assert_eq!(
            end("staged no such unit").state,
            JobState::NotStarted("no such unit".into())
        );
        assert!(job_end("ended rc=", String::new(), 0).is_err());
        assert!(job_end("", String::new(), 0).is_err());
    }

    #[test]
    fn only_plain_names_are_ids() {
        for bad in ["", ".a", "-a", "a/b", "a b", "ä", "a\n", &"a".repeat(201)] {
            assert!(plain_name(bad).is_err(), "{bad:?}");
        }
        assert!(plain_name(&"a".repeat(200)).is_ok());
        assert!(plain_name("r1.stage_2.host-3.1").is_ok());
    }
}
