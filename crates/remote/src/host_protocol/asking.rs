//! Asks a host: sends a request, takes its first answer for what it proves, and finds out why there is none.
//!
//! An answer counts only when it has the request's nonce and root gave it. Where a login does something else
//! than what it is asked to, that does not pass by trying again, so it is told apart from a connection that
//! is lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::request::{Request, quoted};
use super::talk::{Talk, no_processes, wants_processes};
use super::{HostProtocol, PIECE, unexpected};
use crate::answer::Answer;
use crate::error::{LostError, RequestError};
use crate::exec::FromHost;
use crate::refusal::{LoginError, Said, SudoError, UnsafeSpoolError, wants_password};

/// How long trying whether a login runs commands may take.
const TRIAL: Duration = Duration::from_secs(15);

/// The exit status of an sshd that lets nobody in while /etc/nologin is there, as when a host boots.
const NOLOGIN: i32 = 254;

impl HostProtocol {
    /// Sends a request, and `eager` content behind it; returns with its first answer, which is
    /// [`Answer::Head`] or [`Answer::Fail`], and comes from root.
    pub(super) async fn ask(
        &self,
        request: &Request,
        eager: &[u8],
    ) -> Result<(Talk, Answer), RequestError> {
        let tty = self.tty.load(Ordering::Relaxed);
        let asked = match self.ask_with(request, eager, tty).await {
            Err(RequestError::Stalled(within)) => {
                return Err(self.why_stalled(request, within).await);
            }
            asked => asked?,
        };
        let (status, said) = match asked {
            Asked::Answered(talk, answer) => return self.proven(request, *talk, answer),
            Asked::Ended { status, said } => (status, said),
        };
        let may_want_tty = self.options.sudo && status == 1 && !tty && !wants_password(&said);
        if may_want_tty
            && let Asked::Answered(talk, answer) = self.ask_with(request, eager, true).await?
        {
            self.tty.store(true, Ordering::Relaxed);
            return self.proven(request, *talk, answer);
        }
        Err(self.why_ended(request, status, &said).await)
    }

    /// An answer counts that root gave, about a spool that is root's.
    fn proven(
        &self,
        request: &Request,
        talk: Talk,
        answer: Answer,
    ) -> Result<(Talk, Answer), RequestError> {
        if let Answer::Fail(why) = &answer {
            let (word, rest) = why.split_once(' ').unwrap_or((why, ""));
            match (word, rest.trim().parse()) {
                ("notroot", Ok(uid)) => {
                    let sudo = self.options.sudo;
                    return Err(RequestError::Login(LoginError::NotRoot { uid, sudo }));
                }
                ("taken", _) => return Err(RequestError::Login(LoginError::TakesInput)),
                ("foreign", _) => {
                    return Err(RequestError::UnsafeSpool(UnsafeSpoolError {
                        spool: self.options.spool.clone(),
                        reason: rest.to_owned(),
                    }));
                }
                _ => {}
            }
        } else if request.makes_spool {
            self.own_spool.store(true, Ordering::Relaxed);
        }
        self.answered.store(true, Ordering::Relaxed);
        Ok((talk, answer))
    }

    async fn ask_with(
        &self,
        request: &Request,
        eager: &[u8],
        tty: bool,
    ) -> Result<Asked, RequestError> {
        let stall = self.options.stall_timeout;
        // A terminal is no place to read commands from: it echoes, and it has no end.
        let (command, code) = if request.alone && !tty {
            (self.command("-s"), request.as_group(self.root))
        } else {
            let code = request.as_whole(self.root);
            let length = code.len();
            let command = self.command(&format!("-c 'eval \"$(head -c {length})\"'"));
            (command, code)
        };
        let channel = tokio::time::timeout(stall, self.exec.open(&command, tty))
            .await
            .map_err(|_| RequestError::Stalled(stall))??;
        let mut talk = Talk::new(channel, &request.nonce);
        let bytes = [code.as_bytes(), eager].concat();
        let mut sent = Ok(());
        let behind = request.behind.iter();
        let behind = behind.flat_map(|text| text.as_bytes().chunks(PIECE));
        for piece in bytes.chunks(PIECE).chain(behind) {
            sent = talk.send(piece, stall).await;
            match sent {
                Ok(()) => {}
                Err(RequestError::Stalled(within)) => return Err(RequestError::Stalled(within)),
                // A refusing sudo does not read: what it said is worth more than that.
                Err(_) => break,
            }
        }
        match talk.next_within(stall).await? {
            Some(answer @ (Answer::Head(_) | Answer::Fail(_))) => {
                Ok(Asked::Answered(Box::new(talk), answer))
            }
            Some(other) => Err(unexpected(&other)),
            None => match (talk.exit(), talk.said()) {
                // Who is killed says nothing more, and a host that goes down kills. That an exit
                // status above 128 comes from a signal, too, is only likely; but not where something
                // else was said instead of the answer, on a connection that has never answered.
                (Some(status), said)
                    if !talk.killed()
                        && (status < 128
                            || (!said.is_empty()
                                && status != NOLOGIN
                                && !self.answered.load(Ordering::Relaxed))) =>
                {
                    Ok(Asked::Ended { status, said })
                }
                (_, said) => match sent {
                    Err(error) => Err(error),
                    // What was heard of it goes along.
                    Ok(()) if talk.exit().is_some() || said.is_empty() => {
                        Err(talk.cut_short().into())
                    }
                    Ok(()) => Err(RequestError::Lost(LostError {
                        reason: format!("{}; it {}", talk.cut_short().reason, Said::new(&said)),
                    })),
                },
            },
        }
    }

    /// Why a request ended with this status instead of an answer.
    async fn why_ended(&self, request: &Request, status: i32, said: &str) -> RequestError {
        if wants_processes(said) {
            return RequestError::Lost(no_processes(said));
        }
        let words = Said::new(said);
        let runs_nothing = |said| RequestError::Login(LoginError::RunsNothing { status, said });
        if status >= 128 {
            // A forced command that tells which login to use takes its time: once is enough.
            return runs_nothing(words);
        }
        if self.options.sudo && status == 1 && wants_password(said) {
            return RequestError::Sudo(SudoError::new(&words));
        }
        match self.try_login(request).await {
            Ok(Trial::Obeys) if !self.options.sudo => {}
            Ok(Trial::Obeys) => match status {
                1 => return RequestError::Sudo(SudoError::new(&words)),
                126 | 127 => return RequestError::Login(LoginError::NoSudo { said: words }),
                _ => {}
            },
            Ok(Trial::Takes) => return RequestError::Login(LoginError::TakesInput),
            Ok(Trial::Disobeys) => return runs_nothing(words),
            Err(error) => return error,
        }
        RequestError::Protocol(format!(
            "exit status {status} without an answer; it {words}"
        ))
    }

    /// Why a request was not answered for so long.
    async fn why_stalled(&self, request: &Request, within: Duration) -> RequestError {
        if !self.answered.load(Ordering::Relaxed)
            && matches!(
                self.try_login(request).await,
                Ok(Trial::Takes | Trial::Disobeys)
            )
        {
            return RequestError::Login(LoginError::TakesInput);
        }
        RequestError::Stalled(within)
    }

    /// Whether the login runs commands at all, and lets them read what is sent: two lines have to come
    /// back. No sudo and no shell of ours has a part in it.
    async fn try_login(&self, request: &Request) -> Result<Trial, RequestError> {
        let within = self.options.stall_timeout.min(TRIAL);
        let lines = ["one", "two"].map(|line| format!("@{} {line}\n", request.nonce));
        let trial = async {
            let mut channel = self.exec.open("exec /bin/cat", false).await?;
            let mut back = Vec::new();
            for line in &lines {
                channel.send(line.as_bytes()).await?;
            }
            channel.end_input().await?;
            while let Some(next) = channel.next().await? {
                // That is no login's doing: nothing is known by it.
                if matches!(next, FromHost::Flood) {
                    return Err(RequestError::Stalled(within));
                }
                if let FromHost::Stdout(bytes) = next
                    && back.len() < PIECE
                {
                    back.extend_from_slice(&bytes);
                }
            }
            channel.close().await;
            let back = String::from_utf8_lossy(&back);
            let [one, two] = lines.each_ref().map(|line| back.contains(line));
            Ok(match (one, two) {
                (true, true) => Trial::Obeys,
                (false, true) => Trial::Takes,
                _ => Trial::Disobeys,
            })
        };
        tokio::time::timeout(within, trial)
            .await
            .unwrap_or(Err(RequestError::Stalled(within)))
    }

    /// The command that is run: a shell that takes shell text from stdin. Nothing else ever stands
    /// on a command line.
    fn command(&self, how: &str) -> String {
        let sudo = if self.options.sudo { "sudo -n -- " } else { "" };
        let shell = if self.shell == "/bin/sh" {
            "/bin/sh".into()
        } else {
            quoted(&self.shell)
        };
        format!("exec {sudo}{shell} {how}")
    }
}

enum Asked {
    Answered(Box<Talk>, Answer),
    /// The command ended, and what was said did not answer.
    Ended {
        status: i32,
        said: String,
    },
}

/// What a login did with a command of no consequence.
enum Trial {
    Obeys,
    /// It took the beginning of what was sent to the command.
    Takes,
    Disobeys,
}
