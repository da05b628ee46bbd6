//! SSH: the real [`Transport`].
//!
//! [`SshTransport`] knows every host and makes one connection to it at a time when asked;
//! [`SshSession`] is such a connection on its own, on which commands can be run.

mod agent;
mod algorithms;
mod auth;
mod channel;
mod dial;
mod fd_limit;
mod handler;
mod handshake_limit;
mod keys;
mod known_hosts;
mod known_hosts_files;
mod known_hosts_hash;
mod known_hosts_lines;
mod pinned_keys;
mod session;
mod target;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use fd_limit::raise_fd_limit;
pub use keys::is_public_key;
pub use session::SshSession;
pub use target::{HostKeyPolicy, SshOptions, SshTarget};

use crate::error::{ConnectError, JobError, LostError, ProbeError, PutError, RequestError};
use crate::host_protocol::{HostOptions, HostProtocol};
use crate::port::{
    BootIdentity, Connection, FileToPut, Greeting, Hold, HolderWords, HostFiles, HostHold,
    HostJobs, JobCall, JobEnd, JobId, JobWatch, OutputSink, ProbeEnd, PutOutcome, Script,
    Transport,
};
use handshake_limit::HandshakeLimit;
use keys::KeyFiles;
use known_hosts_files::KnownHosts;
use pinned_keys::PinnedKeys;

/// Reaches hosts over SSH.
pub struct SshTransport {
    targets: HashMap<String, SshTarget>,
    limit: HandshakeLimit,
    keys: KeyFiles,
    known_hosts: Arc<KnownHosts>,
    pinned: Arc<PinnedKeys>,
}

impl SshTransport {
    /// A transport for these hosts. Of two with the same name the last counts.
    pub fn new(targets: Vec<SshTarget>, options: SshOptions) -> Self {
        Self {
            targets: targets
                .into_iter()
                .map(|target| (target.name.clone(), target))
                .collect(),
            limit: HandshakeLimit::new(options.handshakes, options.handshakes_per_endpoint),
            keys: KeyFiles::default(),
            known_hosts: Arc::default(),
            pinned: Arc::default(),
        }
    }

    /// Connects and logs in, and leaves it at that: no job protocol.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open_session(&self, host: &str) -> Result<SshSession, ConnectError> {
        let target = self.target(host)?;
        Box::pin(SshSession::open(
            target,
            &self.limit,
            &self.keys,
            &self.known_hosts,
            &self.pinned,
        ))
        .await
        .map_err(|error| error.of_own_limit(target.endpoint()))
    }

    fn target(&self, host: &str) -> Result<&SshTarget, ConnectError> {
        self.targets
            .get(host)
            .ok_or_else(|| ConnectError::UnknownHost(host.to_owned()))
    }
}

#[async_trait]
impl Transport for SshTransport {
    async fn connect(&self, host: &str) -> Result<Box<dyn Connection>, ConnectError> {
        let target = self.target(host)?;
        let session = Arc::new(self.open_session(host).await?);
        let options = HostOptions {
            sudo: target.user != "root",
            spool: target.spool.clone(),
            jobs: target.jobs,
            stall_timeout: target.stall_timeout,
        };
        let protocol = HostProtocol::new(session.clone(), options);
        Ok(Box::new(SshConnection { session, protocol }))
    }
}

/// A connection over SSH.
struct SshConnection {
    session: Arc<SshSession>,
    protocol: HostProtocol,
}

#[async_trait]
impl HostJobs for SshConnection {
    async fn job(&self, call: JobCall<'_>, watch: &mut dyn JobWatch) -> Result<JobEnd, JobError> {
        self.protocol.job(call, watch).await
    }

    async fn cancel_job(&self, id: &JobId, fence: u64, grace: Duration) -> Result<(), JobError> {
        self.protocol.cancel_job(id, fence, grace).await
    }

    async fn collect_jobs(&self, run: &str, fence: u64) -> Result<(), JobError> {
        self.protocol.collect_jobs(run, fence).await
    }
}

#[async_trait]
impl HostFiles for SshConnection {
    async fn put_all(
        &self,
        files: &[FileToPut],
        fence: u64,
        done: &mut Vec<PutOutcome>,
    ) -> Result<Duration, PutError> {
        self.protocol.put_all(files, fence, done).await
    }
}

#[async_trait]
impl HostHold for SshConnection {
    async fn hold(&self, me: &HolderWords, seen: Option<&HolderWords>) -> Result<Hold, JobError> {
        self.protocol.hold(me, seen).await
    }

    async fn beat(&self, me: &HolderWords, fence: u64) -> Result<(), JobError> {
        self.protocol.beat(me, fence).await
    }

    async fn release(&self, fence: u64) -> Result<(), JobError> {
        self.protocol.release(fence).await
    }
}

#[async_trait]
impl Connection for SshConnection {
    fn greeting(&self) -> &Greeting {
        self.session.greeting()
    }

    async fn probe(
        &self,
        script: &Script,
        output: &mut dyn OutputSink,
    ) -> Result<ProbeEnd, ProbeError> {
        self.protocol.probe(script, output).await
    }

    async fn boot_identity(&self) -> Result<BootIdentity, RequestError> {
        self.protocol.boot_identity().await
    }

    async fn request_reboot(&self, fence: u64) -> Result<(), RequestError> {
        self.protocol.request_reboot(fence).await
    }

    async fn lost(&self) -> LostError {
        self.session.lost().await
    }

    async fn close(&self) {
        self.session.close().await;
    }
}
