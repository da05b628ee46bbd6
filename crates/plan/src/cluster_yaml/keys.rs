//! The keys of a cluster file.

/// The keys of the file.
pub(crate) const FILE_KEYS: [&str; 7] = [
    "cluster", "recipe", "release", "ssh", "accept", "hosts", "settings",
];

/// The keys of a host.
pub(crate) const HOST_KEYS: [&str; 7] = [
    "name",
    "role",
    "address",
    "private_address",
    "port",
    "user",
    "labels",
];

/// The keys of `ssh`.
pub(crate) const SSH_KEYS: [&str; 14] = [
    "user",
    "port",
    "key",
    "keys",
    "agent",
    "host_keys",
    "known_hosts",
    "jobs",
    "spool",
    "connect_timeout",
    "auth_timeout",
    "keepalive",
    "stall_timeout",
    "reconnect_for",
];
