//! The cluster file as YAML: `phalanx.yaml`.
//!
//! ```yaml
//! cluster: lab
//! recipe: small
//! release: 1.0.0
//! ssh: { user: admin, key: ~/.ssh/lab.pem }
//! hosts:
//!   - { name: leader1, role: leader, address: 192.0.2.10, private_address: 10.0.0.10 }
//!   - { role: worker, address: 192.0.2.11 }
//! settings:
//!   port: 9999
//! ```

mod document;
mod hosts;
mod keys;
mod reader;
mod shown;
mod ssh;

pub use document::{Document, parse, read_yaml};
pub(crate) use keys::FILE_KEYS;
#[cfg(test)]
pub(crate) use keys::{HOST_KEYS, SSH_KEYS};

#[cfg(test)]
mod tests;
