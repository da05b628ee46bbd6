//! From a name to a TCP connection that does not dawdle.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::handshake_limit::{HandshakeLimit, HandshakePermit};
use super::target::SshTarget;
use crate::error::ConnectError;

/// Small on purpose: there is one for each of thousands of hosts, and what is larger passes it by.
const READ_BUFFER: usize = 4096;

/// A connection, and the permit to log in over it.
pub(crate) struct Dialled {
    pub(crate) stream: PromptStream,
    /// The connection is cut when this is dropped.
    pub(crate) cut: oneshot::Sender<Infallible>,
    pub(crate) permit: HandshakePermit,
}

/// Connects to the first address of the host that takes the connection.
pub(crate) async fn dial(
    target: &SshTarget,
    limit: &HandshakeLimit,
) -> Result<Dialled, ConnectError> {
    let addresses = resolve(target).await?;
    let timed_out = || ConnectError::ConnectTimeout {
        address: target.endpoint(),
        within: target.connect_timeout,
    };
    let mut left = target.connect_timeout;
    let mut last = None;
    for (number, address) in addresses.iter().enumerate() {
        // Waiting for our turn is nobody's fault and costs no time; a dead address must leave some
        // to the others.
        let Some(permit) = limit.permit(*address).await else {
            continue;
        };
        let others = u32::try_from(addresses.len() - number)
            .unwrap_or(u32::MAX)
            .max(1);
        let begun = Instant::now();
        match timeout_at(begun + left / others, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                let (cut, gone) = oneshot::channel();
                let stream = PromptStream::new(tcp, gone).map_err(|source| ConnectError::Tcp {
                    address: target.endpoint(),
                    source,
                })?;
                return Ok(Dialled {
                    stream,
                    cut,
                    permit,
                });
            }
            Ok(Err(source)) => {
                last = Some(ConnectError::Tcp {
                    address: target.endpoint(),
                    source,
                });
            }
            Err(_elapsed) => last = Some(timed_out()),
        }
        left = left.saturating_sub(begun.elapsed());
    }
    Err(last.unwrap_or_else(timed_out))
}

async fn resolve(target: &SshTarget) -> Result<Vec<SocketAddr>, ConnectError> {
    let unresolved = |source| ConnectError::Resolve {
        name: target.address.clone(),
        source,
    };
    // An IP address needs no resolver, and no thread to ask it.
    if let Ok(address) = target.address.parse() {
        return Ok(vec![SocketAddr::new(address, target.port)]);
    }
    let deadline = Instant::now() + target.connect_timeout;
    let found = timeout_at(
        deadline,
        lookup_host((target.address.as_str(), target.port)),
    )
    .await
    .map_err(|_elapsed| unresolved(io::ErrorKind::TimedOut.into()))?
    .map_err(unresolved)?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() {
        return Err(unresolved(io::ErrorKind::NotFound.into()));
    }
    Ok(addresses)
}

/// A TCP connection that sends at once, acknowledges at once, and can be cut from outside.
///
/// Linux delays acknowledgements by 40 ms, and an sshd holds its next small packet back until the
/// last one is acknowledged: that is 40 ms in every login. Quick acknowledgement is not a setting
/// but a mood that the kernel falls out of again, so it is renewed before each wait.
pub(crate) struct PromptStream {
    /// An SSH packet is read in two or three small pieces: out of a buffer, that is one system call.
    tcp: BufReader<TcpStream>,
    /// Not given any more once it has been dropped at the other end.
    gone: Option<oneshot::Receiver<Infallible>>,
}

impl PromptStream {
    fn new(tcp: TcpStream, gone: oneshot::Receiver<Infallible>) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self {
            tcp: BufReader::with_capacity(READ_BUFFER, tcp),
            gone: Some(gone),
        })
    }

    /// Whether the other end of `gone` was dropped; if not, the task is woken when it is.
    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        if self
            .gone
            .as_mut()
            .is_some_and(|gone| gone.poll_unpin(cx).is_ready())
        {
            self.gone = None;
        }
        self.gone.is_none()
    }
}

impl AsyncRead for PromptStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if read.is_pending() {
            if self.is_cut(cx) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            #[cfg(target_os = "linux")]
            let _ = self.tcp.get_ref().set_quickack(true);
        }
        read
    }
}

impl AsyncWrite for PromptStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        if written.is_pending() && self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::host_protocol::JobKeeper;
    use crate::ssh::target::HostKeyPolicy;

    fn target(address: &str) -> SshTarget {
        SshTarget {
            name: "h1".into(),
            address: address.into(),
            port: 22,
            user: "root".into(),
            keys: Vec::new(),
            agent: None,
            agent_keys: false,
            default_keys: Vec::new(),
            host_keys: HostKeyPolicy::Strict,
            known_hosts: Vec::new(),
            spool: "/var/lib/phalanx".into(),
            jobs: JobKeeper::Session,
            connect_timeout: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(10),
            keepalive: Duration::ZERO,
            stall_timeout: Duration::from_secs(10),
        }
    }

    #[tokio::test]
    async fn an_addresss_zone_is_a_network_card_of_this_machine() {
        let found = resolve(&target("fe80::1%lo")).await.unwrap();
        assert!(!found.is_empty());
        for address in found {
            let SocketAddr::V6(address) = address else {
                panic!("{address}");
            };
            assert_eq!(address.ip().to_string(), "fe80::1");
            // The loopback interface is the first of each network namespace.
            assert_eq!(address.scope_id(), 1);
        }
        let error = resolve(&target("fe80::1%no-such-card")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "this machine has no network card no-such-card, by which fe80::1 would be reached"
        );
        assert!(error.advice().contains("ip link"), "{}", error.advice());
    }
}
