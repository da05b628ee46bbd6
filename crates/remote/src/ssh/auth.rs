//! Logging in: which key, and how it signs.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use futures::future::{Either, select};
use russh::MethodKind;
use russh::client::{AuthResult, Handle};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};

use super::agent::{Agent, AgentError, AgentSigner};
use super::handler::{HostHandler, SharedSeen};
use super::keys::{FileKey, ForAgent, KeyError, KeyFiles, as_word};
use super::target::SshTarget;
use crate::error::{ConnectError, is_out_of_files};

/// Logs in with the first key that the host takes: those that were asked for, the agent's others where
/// they may be offered, the default ones. A server counts what it is offered and ends the login after a few
/// keys (MaxAuthTries), so what was asked for comes first.
pub(crate) async fn log_in(
    handle: &mut Handle<HostHandler>,
    target: &SshTarget,
    files: &KeyFiles,
    seen: &SharedSeen,
) -> Result<(), ConnectError> {
    let mut login = Login {
        handle,
        target,
        seen,
        tried: Vec::new(),
        looked: Vec::new(),
        absent: Vec::new(),
        server_takes: None,
        rsa: None,
        used: HashSet::new(),
    };
    match login.try_all(files).await {
        Ok(()) => Ok(()),
        Err(Stop::NotTaken) => Err(login.refused()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why no further key is tried.
enum Stop {
    /// There is none, or the server takes none.
    NotTaken,
    /// The connection does not work.
    Failed(ConnectError),
}

/// One login in progress.
struct Login<'a> {
    handle: &'a mut Handle<HostHandler>,
    target: &'a SshTarget,
    seen: &'a SharedSeen,
    tried: Vec<String>,
    /// Keys that could not be tried, and why.
    looked: Vec<String>,
    /// Default keys that are not there: worth a word only when there is no other key.
    absent: Vec<String>,
    /// What the server said that it takes, when it last said so.
    server_takes: Option<Vec<String>>,
    /// How RSA keys are to sign, once that is known.
    rsa: Option<RsaSignatures>,
    /// Keys that were tried: the same one can be in a file and in the agent.
    used: HashSet<Vec<u8>>,
}

/// How RSA keys may sign. `None` is SHA-1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RsaSignatures(Vec<Option<HashAlg>>);

impl RsaSignatures {
    /// From what the server announced, if it did. One that announces nothing may be old: SHA-2 can
    /// do no harm, for what it does not know it only refuses. SHA-256 is what all have that have
    /// SHA-2 at all.
    fn from_announced(best: Option<Option<HashAlg>>) -> Self {
        Self(match best {
            Some(best) => vec![best],
            None => vec![Some(HashAlg::Sha256), None],
        })
    }
}

/// Who signs.
enum Signer<'a> {
    File(Arc<PrivateKey>),
    Agent(&'a mut AgentSigner, PublicKey),
}

impl Login<'_> {
    async fn try_all(&mut self, files: &KeyFiles) -> Result<(), Stop> {
        let target = self.target;
        let mut agent = Agent::new(target.agent.as_deref());
        for path in &target.keys {
            match files.load(path) {
                Ok(key) => {
                    if self.try_file(path, key, &mut agent).await? == Taken::Yes {
                        return Ok(());
                    }
                }
                Err(error) => self.unusable(path, error)?,
            }
        }
        if target.agent_keys
            && let Some(socket) = &target.agent
            && self.try_agent(socket, files, &mut agent).await? == Taken::Yes
        {
            return Ok(());
        }
        for path in &target.default_keys {
            match files.load(path) {
                Ok(key) => {
                    if self.try_file(path, key, &mut agent).await? == Taken::Yes {
                        return Ok(());
                    }
                }
                Err(error @ KeyError::Absent) => {
                    self.absent.push(format!("{} ({error})", path.display()));
                }
                Err(error) => self.unusable(path, error)?,
            }
        }
        Err(Stop::NotTaken)
    }

    /// Notes that a file's key is of no use. That this machine can open no more files says nothing of the
    /// key: it may well be the right one.
    fn unusable(&mut self, path: &Path, error: KeyError) -> Result<(), Stop> {
        match error {
            KeyError::Unreadable(source) if is_out_of_files(&source) => {
                Err(self.out_of_files(source))
            }
            error => {
                self.looked.push(format!("{} ({error})", path.display()));
                Ok(())
            }
        }
    }

    fn out_of_files(&self, source: std::io::Error) -> Stop {
        Stop::Failed(ConnectError::out_of_files(self.target.endpoint(), source))
    }

    /// Tries a file's key; through the agent, where the file alone can't sign.
    async fn try_file(
        &mut self,
        path: &Path,
        key: FileKey,
        agent: &mut Agent<'_>,
    ) -> Result<Taken, Stop> {
        let (public, why) = match key {
            FileKey::Private(key) => {
                let public = key.public_key().clone();
                let name = path.display().to_string();
                return self.try_key(name, &public, &mut Signer::File(key)).await;
            }
            FileKey::ForAgent(public, why) => (public, why),
        };
        let called = agent.name();
        match agent.open().await {
            Ok(open) if open.holds(&public) => {
                let name = format!("{} (in the agent)", path.display());
                let mut signer = Signer::Agent(&mut open.signer, (*public).clone());
                self.try_key(name, &public, &mut signer).await
            }
            Ok(_) => {
                let missing = format!("{called} does not hold it");
                self.looked.push(useless(path, why, &missing, ""));
                Ok(Taken::No)
            }
            Err(AgentError::OutOfFiles(number)) => {
                Err(self.out_of_files(std::io::Error::from_raw_os_error(number)))
            }
            Err(AgentError::Useless(missing)) => {
                self.looked
                    .push(useless(path, why, &missing, "`eval \"$(ssh-agent)\"` and "));
                Ok(Taken::No)
            }
        }
    }

    /// Tries what the agent holds: the default keys first, which are the likely ones, as ssh does.
    async fn try_agent(
        &mut self,
        socket: &Path,
        files: &KeyFiles,
        agent: &mut Agent<'_>,
    ) -> Result<Taken, Stop> {
        let open = match agent.open().await {
            Ok(open) => open,
            Err(AgentError::OutOfFiles(number)) => {
                return Err(self.out_of_files(std::io::Error::from_raw_os_error(number)));
            }
            Err(AgentError::Useless(why)) => {
                self.looked.push(why);
                return Ok(Taken::No);
            }
        };
        let mut keys = open.keys.clone();
        if keys.is_empty() {
            self.looked.push(format!(
                "the agent at {} (it holds no keys)",
                socket.display()
            ));
        }
        if keys.len() > 1 {
            let paths = self.target.default_keys.iter();
            let default: Vec<FileKey> = paths.filter_map(|path| files.load(path).ok()).collect();
            keys.sort_by_key(|key| {
                let same = |known: &FileKey| known.public().key_data() == key.public.key_data();
                default.iter().position(same).unwrap_or(usize::MAX)
            });
        }
        for key in keys {
            let name = format!("agent key {}", key.comment);
            let mut signer = Signer::Agent(&mut open.signer, key.public.clone());
            if self.try_key(name, &key.public, &mut signer).await? == Taken::Yes {
                return Ok(Taken::Yes);
            }
        }
        Ok(Taken::No)
    }

    /// Tries one key in every way that it may sign.
    async fn try_key(
        &mut self,
        name: String,
        public: &PublicKey,
        signer: &mut Signer<'_>,
    ) -> Result<Taken, Stop> {
        let blob = public
            .to_bytes()
            .map_err(|error| self.broken(error.into()))?;
        if !self.used.insert(blob) {
            return Ok(Taken::No);
        }
        let hashes = if public.algorithm().is_rsa() {
            match self.rsa_signatures().await? {
                Some(RsaSignatures(hashes)) => hashes,
                None => return Ok(Taken::Yes),
            }
        } else {
            vec![None]
        };
        self.tried.push(name);
        for hash in hashes {
            match self.authenticate(signer, hash).await? {
                None => {
                    self.note("the agent would not sign with it");
                    break;
                }
                Some(AuthResult::Success) => {
                    if public.algorithm().is_rsa() && hash.is_none() {
                        self.tell_of_sha1();
                    }
                    return Ok(Taken::Yes);
                }
                Some(AuthResult::Failure {
                    remaining_methods,
                    partial_success,
                }) => {
                    let more = self.refusal(&remaining_methods)?;
                    if partial_success {
                        self.note("taken, but not enough");
                        return Err(Stop::NotTaken);
                    }
                    if !more {
                        return Err(Stop::NotTaken);
                    }
                }
            }
        }
        Ok(Taken::No)
    }

    /// One attempt. `None`: the agent would not sign, and the server waits for another attempt.
    async fn authenticate(
        &mut self,
        signer: &mut Signer<'_>,
        hash: Option<HashAlg>,
    ) -> Result<Option<AuthResult>, Stop> {
        let user = self.target.user.clone();
        match signer {
            Signer::File(key) => {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                let result = self.handle.authenticate_publickey(user, key).await;
                result.map(Some).map_err(|error| self.broken(error))
            }
            Signer::Agent(agent, public) => {
                let result = self
                    .handle
                    .authenticate_publickey_with(user, public.clone(), hash, *agent)
                    .await;
                match result {
                    Ok(result) => Ok(Some(result)),
                    Err(_) if !self.handle.is_closed() => Ok(None),
                    Err(_) => Err(self.broken(russh::Error::SendError)),
                }
            }
        }
    }

    /// How RSA keys are to sign. Not given when the server lets everybody in.
    ///
    /// A server announces it right after the key exchange, or never. Waiting for it would cost old
    /// servers' hosts a second each; so a question is asked that is always answered ("may I come in
    /// without a key?"), and when the answer is there, the announcement is, too.
    async fn rsa_signatures(&mut self) -> Result<Option<RsaSignatures>, Stop> {
        if let Some(known) = &self.rsa {
            return Ok(Some(known.clone()));
        }
        if self.server_takes.is_none() {
            let answer = self
                .handle
                .authenticate_none(self.target.user.clone())
                .await;
            match answer.map_err(|error| self.broken(error))? {
                AuthResult::Success => return Ok(None),
                AuthResult::Failure {
                    remaining_methods, ..
                } => {
                    if !self.refusal(&remaining_methods)? {
                        return Err(Stop::NotTaken);
                    }
                }
            }
        }
        let announced = announced_rsa_hash(self.handle).await;
        let signatures = RsaSignatures::from_announced(announced);
        self.rsa = Some(signatures.clone());
        Ok(Some(signatures))
    }

    /// Notes what the server takes instead, and says whether that includes keys.
    fn refusal(&mut self, takes: &[MethodKind]) -> Result<bool, Stop> {
        // The library reports an end of the connection as a refusal that leaves nothing to try.
        if takes.is_empty() && self.handle.is_closed() {
            return Err(self.broken(russh::Error::Disconnect));
        }
        self.server_takes = Some(
            takes
                .iter()
                .map(|method| <&str>::from(method).to_owned())
                .collect(),
        );
        Ok(takes.contains(&MethodKind::PublicKey))
    }

    fn note(&mut self, what: &str) {
        if let Some(last) = self.tried.last_mut() {
            *last = format!("{last} ({what})");
        }
    }

    fn tell_of_sha1(&self) {
        let login = "the signature of an RSA key (ssh-rsa)".to_owned();
        self.seen.lock().on_sha1.push(login);
    }

    /// The connection ended in the middle of a login. Too many keys is what a server says aloud.
    fn broken(&self, error: russh::Error) -> Stop {
        let address = self.target.endpoint();
        if self.handle.is_closed() {
            if self.seen.lock().farewell.is_some() && !self.tried.is_empty() {
                return Stop::NotTaken;
            }
            return Stop::Failed(ConnectError::ClosedEarly { address });
        }
        Stop::Failed(ConnectError::Handshake {
            address,
            reason: error.to_string(),
        })
    }

    fn refused(self) -> ConnectError {
        let named = !self.target.keys.is_empty();
        if self.tried.is_empty() {
            let mut looked = self.looked;
            looked.extend(self.absent);
            return ConnectError::NoKeys { looked, named };
        }
        let mut server_takes = self.server_takes.unwrap_or_default().join(",");
        if server_takes.is_empty() {
            server_takes = "nothing".into();
        }
        let farewell = self.seen.lock().farewell.clone();
        if let Some(farewell) = &farewell {
            server_takes += &format!(" (it said: {farewell})");
        }
        let mut tried = self.tried;
        let cut_short = farewell.is_some() && tried.len() > 1;
        tried.extend(self.looked);
        ConnectError::Refused {
            address: self.target.endpoint(),
            user: self.target.user.clone(),
            tried,
            server_takes,
            cut_short,
        }
    }
}

/// Why a file's key can't be used though it is known which one it is, and what to do.
fn useless(path: &Path, why: ForAgent, missing: &str, start: &str) -> String {
    let (is, add) = match why {
        ForAgent::Passphrase => ("has a passphrase", format!("`ssh-add {}`", as_word(path))),
        ForAgent::Public => (
            "is a public key",
            "`ssh-add` with its private key".to_owned(),
        ),
    };
    format!("{} ({is}, and {missing}; run {start}{add})", path.display())
}

/// Whether a key got us in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

/// The best signature for RSA keys that the server has announced, if it has.
///
/// The library's own question waits for a second when there was no announcement. It is asked here
/// together with another that the session answers at once and by itself; the session takes questions
/// in order, so when the first is still open after the second was answered, it waits for what will
/// not come. Two rounds, because the first question is two to the session.
async fn announced_rsa_hash(handle: &Handle<HostHandler>) -> Option<Option<HashAlg>> {
    let mut question = std::pin::pin!(handle.best_supported_rsa_hash());
    for _round in 0..2 {
        let barrier = std::pin::pin!(handle.hostkeys_prove(Vec::new()));
        // `select` polls the first one first, so the question is in the queue before the barrier.
        match select(question.as_mut(), barrier).await {
            Either::Left((answer, _)) => return answer.ok().flatten(),
            Either::Right(_) => {}
        }
    }
    futures::FutureExt::now_or_never(question)
        .and_then(Result::ok)
        .flatten()
}
