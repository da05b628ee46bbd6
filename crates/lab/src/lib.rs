//! Hosts to try it on: local Linux hosts with a real sshd.
//!
//! A [`LoopbackHost`] is one host: its own OpenSSH server on a loopback address of its own, in its
//! own mount, process and host name space, with users, sudo, a home and a spool that are not the
//! machine's. It can be stopped, frozen, cut off, filled up and rebooted, and it dies with the
//! process that started it. A [`BenchSshd`] is one server for thousands of loopback addresses, to
//! measure against.
//!
//! A [`Lab`] is several hosts that are up together, each with a real systemd, real reboots and a
//! network card of its own, and an internet of theirs. What they are is [`LabData`], plain files that
//! the lab knows nothing more about; they share a [`RootFilesystem`] that is built once.
//!
//! Linux only. A `Lab` needs root, and so does a `LoopbackHost` with all of that; without root it is an
//! sshd that takes the current user ([`Login::Current`]), and [`LabError::NeedsRoot`] says what cannot
//! be had.

mod answering;
mod apt_sources;
mod bench_sshd;
mod booting;
mod cgroup;
mod error;
mod file_lock;
mod host_builder;
mod host_files;
mod keeper;
mod keys;
mod lab;
mod lab_data;
mod lab_folder;
mod lab_host;
mod lab_name;
mod lab_status;
mod layer;
mod loopback_host;
mod missing_programs;
mod namespace;
mod privilege;
mod processes;
mod root_filesystem;
mod sshd_config;
mod supervisor;
mod tools;
mod users;

pub use bench_sshd::BenchSshd;
pub use error::LabError;
pub use host_builder::{Login, LoopbackHostBuilder, OnReboot, Sudo};
pub use keys::{KeyFormat, KeyKind, KeyPair};
pub use lab::Lab;
pub use lab_data::{CLUSTER_FILES, LabData, LabSize};
pub use lab_host::LabHost;
pub use lab_status::{HostState, HostStatus, LabStatus};
pub use loopback_host::LoopbackHost;
pub use missing_programs::{library, program};
pub use root_filesystem::RootFilesystem;
