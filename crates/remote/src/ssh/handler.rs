//! What the SSH library asks and tells while a connection lives: whether the host's key is right, who
//! the server is, and that it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::Names;
use russh::client::{DisconnectReason, Handler, Session};
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use tokio::sync::watch;

use super::algorithms::on_sha1;
use super::known_hosts::{Verdict, judge};
use super::known_hosts_files::KnownHost;
use super::pinned_keys::{Agreed, PinnedKeys};
use super::target::HostKeyPolicy;
use crate::error::{ConnectError, LostError};
use crate::port::Greeting;

/// How many letters of a server's name are kept: it may have as many by the protocol.
const SERVER_KEPT: usize = 255;
/// How many letters are kept of what a server says when it closes the connection.
const FAREWELL_KEPT: usize = 400;

/// Why a handler ends a connection.
#[derive(Debug)]
pub(crate) enum HandlerError {
    /// The library's reason.
    Ssh(russh::Error),
    /// The host key was refused; [`Seen::refusal`] has the reason.
    HostKey,
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// What was seen of a server while connecting to it.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) greeting: Greeting,
    /// Why its key was refused.
    pub(crate) refusal: Option<ConnectError>,
    /// What it said when it closed the connection.
    pub(crate) farewell: Option<String>,
    /// For what it knows nothing better than SHA-1.
    pub(crate) on_sha1: Vec<String>,
}

impl Seen {
    /// What was learned, with one notice of all that hangs on SHA-1.
    pub(crate) fn greeting(&self) -> Greeting {
        let mut greeting = self.greeting.clone();
        if !self.on_sha1.is_empty() {
            greeting.notices.push(format!(
                "its server ({}) knows nothing better than SHA-1 for {}: update its OpenSSH, or allow better \
                 algorithms in its sshd_config",
                greeting.server,
                self.on_sha1.join(", ")
            ));
        }
        greeting
    }
}

/// [`Seen`], for the handler and for the one who waits.
#[derive(Clone, Default)]
pub(crate) struct SharedSeen(Arc<Mutex<Seen>>);

impl SharedSeen {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a connection ended, once it has. When the sender is gone, it has, for no known reason.
pub(crate) type Ending = watch::Receiver<Option<LostError>>;

/// Waits until the connection has ended.
pub(crate) async fn ended(ending: &Ending) -> LostError {
    let mut ending = ending.clone();
    match ending.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone(),
        Err(_gone) => None,
    }
    .unwrap_or_else(|| LostError {
        reason: "it ended".into(),
    })
}

/// The handler of one connection.
pub(crate) struct HostHandler {
    known: Option<KnownHost>,
    policy: HostKeyPolicy,
    host: String,
    pinned: Arc<PinnedKeys>,
    seen: SharedSeen,
    end: watch::Sender<Option<LostError>>,
}

impl HostHandler {
    /// A handler for a host called `host` in messages, of which `known` is known.
    pub(crate) fn new(
        host: String,
        known: KnownHost,
        policy: HostKeyPolicy,
        pinned: Arc<PinnedKeys>,
    ) -> (Self, SharedSeen, Ending) {
        let (end, ending) = watch::channel(None);
        let seen = SharedSeen::default();
        let handler = Self {
            known: Some(known),
            policy,
            host,
            pinned,
            seen: seen.clone(),
            end,
        };
        (handler, seen, ending)
    }
}

impl Handler for HostHandler {
    type Error = HandlerError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        // Certificates are never asked for, and a key exchange happens once.
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else {
            return Ok(false);
        };
        let Some(mut known) = self.known.take() else {
            return Ok(false);
        };
        let blob = key.to_bytes().map_err(russh::Error::from)?;
        let shown = key.fingerprint(HashAlg::Sha256).to_string();
        let (policy, host, pinned) = (self.policy, self.host.clone(), self.pinned.clone());
        // Files can be slow, and locks busy.
        let checked = tokio::task::spawn_blocking(move || {
            check(&mut known, policy, &pinned, host, &blob, &shown)
        })
        .await
        .map_err(|error| russh::Error::IO(std::io::Error::other(error)))?;
        let mut seen = self.seen.lock();
        match checked {
            Ok(notice) => {
                seen.greeting.notices.extend(notice);
                Ok(true)
            }
            Err(refusal) => {
                seen.refusal = Some(refusal);
                Err(HandlerError::HostKey)
            }
        }
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let server = String::from_utf8_lossy(session.remote_sshid());
        let mut seen = self.seen.lock();
        if seen.greeting.server.is_empty() {
            // It is shown to people: no control characters from strangers.
            let letters = server.chars().filter(|c| !c.is_control());
            seen.greeting.server = letters.take(SERVER_KEPT).collect();
            seen.on_sha1 = on_sha1(names);
        }
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let (text, result) = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                let letters = info.message.chars().filter(|c| !c.is_control());
                let message: String = letters.take(FAREWELL_KEPT).collect();
                let said = if message.is_empty() {
                    format!("the host closed it ({:?})", info.reason_code)
                } else {
                    format!("the host closed it: {message}")
                };
                if !message.is_empty() {
                    self.seen.lock().farewell = Some(message);
                }
                (said, Ok(()))
            }
            DisconnectReason::Error(error) => (describe(&error), Err(error)),
        };
        self.end.send_replace(Some(LostError { reason: text }));
        result
    }
}

/// Decides about a host key. Gives what the operator should be told.
fn check(
    known: &mut KnownHost,
    policy: HostKeyPolicy,
    pinned: &PinnedKeys,
    host: String,
    blob: &[u8],
    shown: &str,
) -> Result<Option<String>, ConnectError> {
    let refusal = |known: &KnownHost| match judge(&known.keys, blob) {
        Verdict::Known | Verdict::New => None,
        Verdict::Changed(key) => Some(ConnectError::HostKeyChanged {
            host: known.name.as_str().to_owned(),
            file: known.file_of(key),
            line: key.line,
            shown: shown.to_owned(),
        }),
        Verdict::Revoked(key) => Some(ConnectError::HostKeyRevoked {
            host: known.name.as_str().to_owned(),
            file: known.file_of(key),
            line: key.line,
        }),
    };
    if let Some(refusal) = refusal(known) {
        return Err(refusal);
    }
    if judge(&known.keys, blob) == Verdict::Known {
        pinned.replace(&known.name, blob);
        return Ok(None);
    }
    if policy == HostKeyPolicy::AcceptNew {
        match pinned.agree(&known.name, blob) {
            Agreed::First => {}
            Agreed::Same => return Ok(None),
            Agreed::Other => {
                let shown = shown.to_owned();
                return Err(ConnectError::HostKeyOther { host, shown });
            }
        }
    }
    match policy {
        HostKeyPolicy::Strict => Err(ConnectError::HostKeyUnknown {
            host,
            shown: shown.to_owned(),
        }),
        HostKeyPolicy::AcceptNew => {
            let file = known.remember(blob)?;
            // While the file was locked, somebody else's line may have turned up.
            if let Some(refusal) = refusal(known) {
                return Err(refusal);
            }
            Ok(Some(match file {
                Some(file) => {
                    format!(
                        "its host key {shown} was new and is now in {}",
                        file.display()
                    )
                }
                None => format!("its host key {shown} was new, and there is no file to keep it in"),
            }))
        }
    }
}

/// Why a connection ended, in words.
fn describe(error: &HandlerError) -> String {
    let HandlerError::Ssh(error) = error else {
        return "its host key was refused".into();
    };
    match error {
        russh::Error::Disconnect | russh::Error::HUP => "the host closed it".into(),
        russh::Error::IO(error) => match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the host closed it".into(),
            std::io::ErrorKind::ConnectionReset => "it was reset".into(),
            std::io::ErrorKind::ConnectionAborted => "it was closed here".into(),
            _ => error.to_string(),
        },
        russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => {
            "the host does not answer any more".into()
        }
        other => other.to_string(),
    }
}
