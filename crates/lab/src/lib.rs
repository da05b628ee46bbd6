//! Hosts to try it on: local Linux hosts with a real sshd.
//!
//! A [`LoopbackHost`] is one host: its own OpenSSH server on a loopback address of its own, in its
//! own mount, process and host name space, with users, sudo, a home and a spool that are not the
//! machine's. It can be stopped, frozen, cut off, filled up and rebooted, and it dies with the
//! process that started it. A [`BenchSshd`] is one server for thousands of loopback addresses, to
//! measure against.
//!
//! Linux only. A `LoopbackHost` with all of that needs root; without root it is an sshd that takes
//! the current user ([`Login::Current`]), and [`LabError::NeedsRoot`] says what cannot be had.

mod bench_sshd;
mod error;
mod host_builder;
mod keys;
mod loopback_host;
mod namespace;
mod processes;
mod sshd_config;
mod supervisor;
mod tools;
mod users;

pub use bench_sshd::BenchSshd;
pub use error::LabError;
pub use host_builder::{Login, LoopbackHostBuilder, Sudo};
pub use keys::{KeyFormat, KeyKind, KeyPair};
pub use loopback_host::LoopbackHost;
pub use supervisor::OnReboot;
