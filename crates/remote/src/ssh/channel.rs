//! One command on a host, over one channel of a connection.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::time::timeout;

use super::handler::{Ending, ended};
use crate::error::LostError;
use crate::exec::{ExecChannel, FromHost};

/// How long closing may wait for a session that is busy.
const CLOSE: Duration = Duration::from_secs(1);

/// So much may come while something is sent. Between a request and its answer a host has no more to say
/// than what a login says, and an answer; a host that writes on and on must not fill our memory.
const KEPT_LIMIT: usize = 1 << 20;

/// What a message costs beside its bytes: so that a flood of empty ones counts as well.
const MESSAGE: usize = 64;

/// Stderr, as RFC 4254 numbers it.
const STDERR: u32 = 1;

/// One command on a host.
///
/// The host may stop reading until its own output was taken, so whatever is sent is sent while
/// reading goes on; what comes meanwhile is kept for [`ExecChannel::next`].
pub(crate) struct SshChannel {
    /// Not there any more once it was closed.
    write: Option<ChannelWriteHalf<Msg>>,
    incoming: Incoming,
}

/// What comes from the host.
struct Incoming {
    read: ChannelReadHalf,
    kept: VecDeque<FromHost>,
    /// What is kept, in bytes.
    kept_bytes: usize,
    /// More came while something was sent than is kept.
    flooded: bool,
    /// Requests whose answers are still to come.
    asked: VecDeque<&'static str>,
    /// The host closed the channel.
    closed: bool,
    /// Something that was asked for is not to be had.
    refused: Option<LostError>,
    ending: Ending,
}

impl SshChannel {
    /// `asked` names the requests that were made on the channel, in words that go after "will not".
    pub(crate) fn new(channel: Channel<Msg>, asked: Vec<&'static str>, ending: Ending) -> Self {
        let (read, write) = channel.split();
        let incoming = Incoming {
            read,
            kept: VecDeque::new(),
            kept_bytes: 0,
            flooded: false,
            asked: asked.into(),
            closed: false,
            refused: None,
            ending,
        };
        Self {
            write: Some(write),
            incoming,
        }
    }
}

impl Incoming {
    /// Waits for one message and notes what it says. Cancel-safe: nothing is awaited after it came.
    async fn take_one(&mut self) -> Result<(), LostError> {
        let Some(message) = self.read.wait().await else {
            // Without a close from the host this is the end of the connection.
            let lost = ended(&self.ending).await;
            return Err(lost);
        };
        match message {
            ChannelMsg::Data { data } => self.keep(data, FromHost::Stdout),
            ChannelMsg::ExtendedData { data, ext: STDERR } => self.keep(data, FromHost::Stderr),
            ChannelMsg::ExitStatus { exit_status } => {
                // No process of a host has a higher one.
                let status = i32::try_from(exit_status.min(255)).unwrap_or(255);
                self.push(FromHost::Exit(status), 0);
            }
            ChannelMsg::ExitSignal { signal_name, .. } => {
                self.push(FromHost::Killed(number(&signal_name)), 0);
            }
            ChannelMsg::Success => {
                self.asked.pop_front();
            }
            ChannelMsg::Failure => {
                let what = self.asked.pop_front().unwrap_or("do what it was asked");
                let reason = format!("the host's sshd will not {what}");
                self.refused.get_or_insert(LostError { reason });
            }
            ChannelMsg::Close => self.closed = true,
            // Its end comes with the close.
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, data: Bytes, as_what: fn(Bytes) -> FromHost) {
        if !data.is_empty() {
            let length = data.len();
            self.push(as_what(data), length);
        }
    }

    fn push(&mut self, what: FromHost, length: usize) {
        self.kept_bytes += MESSAGE + length;
        self.kept.push_back(what);
    }

    /// Drives `sending` to its end while taking what comes. Ends early, and well, when the host
    /// closes the channel: a command need not read all of its input. Ends early as well when more comes
    /// than is kept, which is told by [`ExecChannel::next`].
    async fn while_taking<E>(
        &mut self,
        sending: impl Future<Output = Result<(), E>>,
    ) -> Result<(), LostError> {
        let mut sending = std::pin::pin!(sending);
        while !self.closed && !self.flooded {
            tokio::select! {
                biased;
                sent = &mut sending => {
                    return match sent {
                        Ok(()) => Ok(()),
                        Err(_) => Err(ended(&self.ending).await),
                    };
                }
                taken = self.take_one() => {
                    taken?;
                    if self.kept_bytes > KEPT_LIMIT {
                        self.flooded = true;
                        self.kept.push_back(FromHost::Flood);
                    }
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ExecChannel for SshChannel {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), LostError> {
        let Some(write) = &self.write else {
            return Ok(());
        };
        let bytes = Bytes::copy_from_slice(bytes);
        self.incoming.while_taking(write.data_bytes(bytes)).await
    }

    async fn end_input(&mut self) -> Result<(), LostError> {
        let Some(write) = &self.write else {
            return Ok(());
        };
        self.incoming.while_taking(write.eof()).await
    }

    async fn next(&mut self) -> Result<Option<FromHost>, LostError> {
        loop {
            if let Some(next) = self.incoming.kept.pop_front() {
                if self.incoming.kept.is_empty() {
                    self.incoming.kept_bytes = 0;
                }
                return Ok(Some(next));
            }
            if let Some(refused) = &self.incoming.refused {
                return Err(refused.clone());
            }
            if self.incoming.closed || self.incoming.flooded {
                return Ok(None);
            }
            self.incoming.take_one().await?;
        }
    }

    async fn close(&mut self) {
        let Some(write) = self.write.take() else {
            return;
        };
        if !self.incoming.closed {
            let closing = self.incoming.while_taking(write.close());
            let _ = timeout(CLOSE, closing).await;
        }
        self.incoming.closed = true;
    }
}

impl Drop for SshChannel {
    fn drop(&mut self) {
        if let Some(write) = self.write.take()
            && !self.incoming.closed
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The library leaves the channel open on the host otherwise.
            runtime.spawn(async move { write.close().await });
        }
    }
}

/// The signal's number on Linux, 0 where its name says nothing.
fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(name) => match name.as_str() {
            "BUS" => 7,
            "USR2" => 12,
            "XCPU" => 24,
            "XFSZ" => 25,
            "SYS" => 31,
            _ => 0,
        },
    }
}
