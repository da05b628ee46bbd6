//! Keys that an agent holds.

use std::path::Path;

use russh::keys::PublicKey;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use tokio::net::UnixStream;

/// An agent, connected to.
pub(crate) type Agent = AgentClient<UnixStream>;

/// A key that an agent can sign with.
pub(crate) struct AgentKey {
    pub(crate) public: PublicKey,
    pub(crate) comment: String,
}

/// Connects to the agent behind a socket and asks what it has. Certificates are passed over.
///
/// # Errors
/// What to tell the operator.
pub(crate) async fn open(socket: &Path) -> Result<(Agent, Vec<AgentKey>), String> {
    let mut agent = AgentClient::connect_uds(socket)
        .await
        .map_err(|error| format!("cannot be reached: {error}"))?;
    let held = agent
        .request_identities()
        .await
        .map_err(|error| format!("does not say what it holds: {error}"))?;
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
    Ok((agent, keys))
}
