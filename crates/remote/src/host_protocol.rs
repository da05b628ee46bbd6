//! What is asked of a host, over any [`Exec`]: probes, jobs, files, boot identity, reboot.
//!
//! Nothing is installed on a host. Every request is a command that reads its own text from stdin,
//! `/bin/sh -c 'eval "$(head -c N)"'`, as root; the text is made of the pieces in `host/*.sh` and
//! carries parameters, scripts and secrets, so that none of them is seen in a process list or in
//! sudo's log. Answers come in-band on stdout, marked with a nonce (see `answer`).
//!
//! Jobs outlive their channel. The invariants that `host/*.sh` keep:
//!
//! 1. What is run of a job is complete before the job is launched, under the global lock.
//! 2. A job's lock is held exactly as long as its wrapper lives: the kernel sees to that.
//! 3. The file `boot` exists, durably, before the first instruction: such a job is never launched
//!    again.
//! 4. A record counts only when the lock is free and its last word is there; then the process tree
//!    is dead and the output final.
//! 5. The record's block and the trailer's room are taken before they are needed: a full disk does
//!    not cost an exit status.
//! 6. Processes are signalled only while the lock is held, or from the job's own cgroup or mark.
//! 7. Every change is made under the global lock by the run whose fence was given last.
//! 8. No follower outlives its channel or its job.
//! 9. The wrapper starts nothing twice.
//! 10. No answer counts that root did not give, and nothing in a spool is used that others can change.
//!
//! | folder | lock held | record | boot file | boot id | state | start does | attach does |
//! |---|---|---|---|---|---|---|---|
//! | no | - | - | - | - | absent | create, launch | error |
//! | yes | yes | - | - | - | running | follow | follow |
//! | yes | no | whole | - | - | ended | output, end | output, end |
//! | yes | no | no | no | - | staged | launch | not started |
//! | yes | no | no | yes | same | died, or cancelled | output, end | output, end |
//! | yes | no | no | yes | other | interrupted | output, end | output, end |

mod asking;
mod clock;
mod content;
mod environment;
mod hold;
mod job;
mod numbers;
mod pace;
mod put;
mod request;
mod talk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::answer::{Answer, field};
use crate::error::{FenceError, ProbeError, RequestError};
use crate::exec::Exec;
use crate::port::{BootIdentity, OutputSink, ProbeEnd, Script};
use environment::Environment;
pub(crate) use request::nonce;
use request::{PIECES, Request};
use talk::Ended;

/// Bytes are sent in pieces of this size; below 32 KiB each costs a packet of its own.
const PIECE: usize = 128 << 10;

/// What is particular about a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOptions {
    /// Whether the login needs sudo; without, it is root.
    pub sudo: bool,
    /// The folder on the host where jobs live: absolute, on a disk that survives a reboot.
    pub spool: String,
    /// What keeps jobs alive.
    pub jobs: JobKeeper,
    /// How long nothing may come or go while a request is sent and until it is taken.
    pub stall_timeout: Duration,
}

/// What keeps a job alive when the login that started it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKeeper {
    /// A systemd scope of its own. Survives `KillUserProcesses=yes`; its processes are known by
    /// their cgroup.
    Systemd,
    /// Only a session of its own, for hosts without systemd. Its processes are known by a variable
    /// in their environment.
    Session,
}

/// The host's side of a connection: every request is one channel of an [`Exec`].
pub struct HostProtocol {
    exec: Arc<dyn Exec>,
    options: HostOptions,
    shell: String,
    /// Who root is.
    root: u32,
    /// Whether sudo was seen to want a terminal.
    tty: AtomicBool,
    /// Whether the spool was seen to be root's alone.
    own_spool: AtomicBool,
    /// Whether a request was ever answered: the login does what it is asked to.
    answered: AtomicBool,
}

impl HostProtocol {
    /// Requests to the host that `exec` runs commands on.
    pub fn new(exec: Arc<dyn Exec>, options: HostOptions) -> Self {
        Self {
            exec,
            options,
            shell: "/bin/sh".into(),
            root: 0,
            tty: AtomicBool::new(false),
            own_spool: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        }
    }

    /// The same with another POSIX shell than `/bin/sh`; an absolute path.
    pub fn with_shell(mut self, shell: &str) -> Self {
        shell.clone_into(&mut self.shell);
        self
    }

    /// The same on a machine where another user than 0 counts as root: for tests that are no root.
    pub fn with_root(mut self, uid: u32) -> Self {
        self.root = uid;
        self
    }

    /// Runs a script on a channel of its own. See [`crate::Connection::probe`].
    ///
    /// # Errors
    /// [`RequestError::Protocol`] also where the script or its environment cannot be one.
    pub async fn probe(
        &self,
        script: &Script,
        output: &mut dyn OutputSink,
    ) -> Result<ProbeEnd, ProbeError> {
        let environment = Environment::of(script).map_err(RequestError::Protocol)?;
        let request = Request::new()
            .alone()
            .long(&environment.long)
            .piece(&PIECES.environment)
            .piece(&environment.exports)
            .piece(&PIECES.lib)
            .set("px_script", &environment.script)
            .piece(&PIECES.boot_identity)
            .piece(&PIECES.probe);
        let (mut talk, head) = self.ask(&request, &[]).await?;
        let boot = boot_told(head)?;
        let end = loop {
            match talk.next().await? {
                Some(Answer::Output(bytes)) => {
                    output.output(&bytes).map_err(ProbeError::Output)?;
                }
                Some(Answer::End { words, result }) => {
                    let status = field(&words, "rc").and_then(numbers::status);
                    let took = clock::between(&words);
                    let status = status.ok_or(RequestError::Protocol(words))?;
                    break ProbeEnd {
                        status,
                        result,
                        boot,
                        took,
                    };
                }
                Some(other) => return Err(unexpected(&other).into()),
                None => match talk.exit() {
                    // The script ended the shell that it ran in.
                    Some(status) => {
                        break ProbeEnd {
                            status,
                            result: String::new(),
                            boot,
                            took: None,
                        };
                    }
                    None => return Err(RequestError::Lost(talk.cut_short()).into()),
                },
            }
        };
        talk.close().await;
        Ok(end)
    }

    /// Which boot of the host this is. See [`crate::Connection::boot_identity`].
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn boot_identity(&self) -> Result<BootIdentity, RequestError> {
        let request = Request::new().alone().piece(&PIECES.boot_identity);
        let (talk, head) = self.ask(&request, &[]).await?;
        talk.close().await;
        boot_told(head)
    }

    /// Asks for a reboot. See [`crate::Connection::request_reboot`].
    ///
    /// # Errors
    /// [`RequestError::Protocol`] where the host will not.
    pub async fn request_reboot(&self, fence: u64) -> Result<(), RequestError> {
        let request = self.unfenced_request(fence).piece(&PIECES.reboot);
        let (mut talk, head) = self.ask(&request, &[]).await?;
        taken(head).map_err(|why| self.unfit(why))?;
        match talk.end_within(self.options.stall_timeout).await {
            // Whatever cuts us off now is the reboot. One that says nothing, and holds the connection,
            // may be about to: whether it does is seen by its boot identity.
            Ok(Ended::Well | Ended::CutShort)
            | Err(RequestError::Lost(_) | RequestError::Stalled(_)) => {}
            Ok(Ended::Refused(why)) => {
                let said = why.strip_prefix("refused ").unwrap_or(&why);
                let said = format!("the host will not reboot: {said}");
                return Err(RequestError::Protocol(said));
            }
            Err(error) => return Err(error),
        }
        talk.close().await;
        Ok(())
    }

    /// What a request begins with that only reads in the spool who holds the host.
    fn unfenced_request(&self, fence: u64) -> Request {
        self.with_spool(Request::new(), false)
            .number("fence", fence)
            .piece(&PIECES.fence)
            .piece(&PIECES.unfenced)
    }

    /// Names the spool. As long as it was not seen, over this connection, that it is root's alone, that
    /// is found out first; a spool that is not there yet is then made where `make` is set.
    fn with_spool(&self, request: Request, make: bool) -> Request {
        let request = request.set("spool", &self.options.spool);
        if self.own_spool.load(Ordering::Relaxed) {
            return request;
        }
        let mut request = request
            .set("make", if make { "yes" } else { "" })
            .piece(&PIECES.way)
            .piece(&PIECES.own_spool);
        request.makes_spool = make;
        request
    }

    /// Why the host will not do what only reads in the spool who holds it.
    fn unfit(&self, why: String) -> RequestError {
        match (fenced(&why), self.fence_error(&why)) {
            (Some(by), _) => RequestError::Fenced { by },
            (None, Some(error)) => RequestError::Fence(error),
            (None, None) => RequestError::Protocol(why),
        }
    }

    /// What is wrong with the spool's word on who holds the host, where that is why something is not done.
    /// Only which of its two files it is comes from the host.
    fn fence_error(&self, why: &str) -> Option<FenceError> {
        let spool = self.options.spool.clone();
        match why.trim_end() {
            "removed" => Some(FenceError::Removed { spool }),
            "damaged fence" | "damaged holder" => {
                let file = format!("{spool}/{}", why.trim_end().trim_start_matches("damaged "));
                Some(FenceError::Damaged { spool, file })
            }
            _ => None,
        }
    }
}

/// Reads words in every way that words of a host are read; for the fuzzer.
pub(crate) fn read_words(words: &str) {
    let _ = clock::between(words);
    let _ = job::job_end(words, String::new(), 0);
    let _ = fenced(words);
    let _ = boot_told(Answer::Head(words.to_owned()));
    let _ = job::plain_name(words);
}

/// The words of a head, or of the failure that came instead.
fn taken(answer: Answer) -> Result<String, String> {
    match answer {
        Answer::Head(words) => Ok(words),
        Answer::Fail(why) => Err(why),
        other => Err(format!("{other:?}")),
    }
}

/// The number of whoever has taken over the host, where that is why something is not done.
fn fenced(why: &str) -> Option<u64> {
    numbers::natural(why.strip_prefix("fenced ")?.trim())
}

/// The boot identity that a head tells.
fn boot_told(head: Answer) -> Result<BootIdentity, RequestError> {
    let head = taken(head).map_err(RequestError::Protocol)?;
    match field(&head, "boot").and_then(numbers::boot) {
        Some(boot) => Ok(boot),
        None => Err(RequestError::Protocol(head)),
    }
}

fn unexpected(answer: &Answer) -> RequestError {
    let name = match answer {
        Answer::Head(_) => "head",
        Answer::Fail(why) => return RequestError::Protocol(why.clone()),
        Answer::Output(_) => "output",
        Answer::Want => "want",
        Answer::File(_) => "file",
        Answer::End { .. } => "end",
    };
    RequestError::Protocol(format!("{name} at the wrong moment"))
}
