//! The agent: keys that it holds, and how it signs with them.

use std::path::Path;
use std::time::Duration;

use russh::keys::PublicKey;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::error::is_out_of_files;

/// How long an agent may take to say what it holds. One behind a forwarded connection that is dead never does.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What signs.
pub(crate) type AgentSigner = AgentClient<UnixStream>;

/// An agent that is asked when its keys are first needed, and once.
pub(crate) struct Agent<'a> {
    socket: Option<&'a Path>,
    opened: Option<Result<OpenAgent, AgentError>>,
}

/// Why an agent is of no use.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum AgentError {
    /// What to tell the operator.
    #[error("{0}")]
    Useless(String),
    /// It was not asked: this machine can open no more files. The number is the system's.
    #[error("too many files are open here")]
    OutOfFiles(i32),
}

/// An agent that said what it holds.
pub(crate) struct OpenAgent {
    pub(crate) signer: AgentSigner,
    pub(crate) keys: Vec<AgentKey>,
}

/// A key that an agent can sign with.
#[derive(Clone)]
pub(crate) struct AgentKey {
    pub(crate) public: PublicKey,
    pub(crate) comment: String,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(socket: Option<&'a Path>) -> Self {
        Self {
            socket,
            opened: None,
        }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match self.socket {
            Some(socket) => format!("the agent at {}", socket.display()),
            None => "the agent".into(),
        }
    }

    /// The agent and what it holds.
    ///
    /// # Errors
    /// See [`AgentError`].
    pub(crate) async fn open(&mut self) -> Result<&mut OpenAgent, AgentError> {
        let opened = match (self.opened.take(), self.socket) {
            (Some(opened), _) => opened,
            (None, Some(socket)) => open(socket).await,
            (None, None) => Err(AgentError::Useless(
                "there is no agent: SSH_AUTH_SOCK is not set".into(),
            )),
        };
        self.opened
            .insert(opened)
            .as_mut()
            .map_err(|why| why.clone())
    }
}

impl OpenAgent {
    /// Whether the agent can sign with this key.
    pub(crate) fn holds(&self, public: &PublicKey) -> bool {
        let wanted = public.key_data();
        self.keys.iter().any(|key| key.public.key_data() == wanted)
    }
}

/// Connects to the agent behind a socket and asks what it has. Certificates are passed over.
async fn open(socket: &Path) -> Result<OpenAgent, AgentError> {
    let name = socket.display();
    let mut signer = AgentClient::connect_uds(socket)
        .await
        .map_err(|error| unreachable(socket, error))?;
    let held = timeout(ANSWER_WITHIN, signer.request_identities())
        .await
        .map_err(|_elapsed| {
            let within = crate::error::human(ANSWER_WITHIN);
            AgentError::Useless(format!(
                "the agent at {name} does not answer within {within}"
            ))
        })?
        .map_err(|error| {
            AgentError::Useless(format!(
                "the agent at {name} does not say what it holds: {error}"
            ))
        })?;
    let keys = held
        .into_iter()
        .filter_map(|identity| match identity {
            AgentIdentity::PublicKey { key, comment } => Some(AgentKey {
                public: key,
                comment,
            }),
            AgentIdentity::Certificate { .. } => None,
        })
        .collect();
    Ok(OpenAgent { signer, keys })
}

fn unreachable(socket: &Path, error: russh::keys::Error) -> AgentError {
    if let russh::keys::Error::IO(error) = &error
        && is_out_of_files(error)
        && let Some(number) = error.raw_os_error()
    {
        return AgentError::OutOfFiles(number);
    }
    let name = socket.display();
    AgentError::Useless(format!("the agent at {name} cannot be reached: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_does_not_answer_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let _listening = tokio::net::UnixListener::bind(&socket).unwrap();
        let mut agent = Agent::new(Some(&socket));
        let why = agent.open().await.err().unwrap().to_string();
        assert!(why.ends_with("does not answer within 5 s"), "{why}");
        let begun = tokio::time::Instant::now();
        assert_eq!(agent.open().await.err().unwrap().to_string(), why);
        assert_eq!(begun.elapsed(), Duration::ZERO, "it is asked once");
    }
}
