//! What a lab host is to be like: plain data. What is made of it is in `loopback_host`, which this does not know.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::keys::KeyKind;

/// Who is to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// `operator`, a user of the host's own that gets root by sudo. Needs root.
    Operator,
    /// `root`. Needs root.
    Root,
    /// Whoever runs this, on an sshd without name spaces: this machine's own files and processes.
    Current,
}

/// What sudo does for `operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sudo {
    /// Everything, without a password.
    NoPassword,
    /// The same, but only from a terminal.
    RequireTty,
    /// Everything, for a password that nobody has.
    WantsPassword,
    /// Nothing.
    Denied,
}

/// What a request to reboot does to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReboot {
    /// It goes down, stays down for this long, and comes up with a new boot id.
    Returns(Duration),
    /// It goes down and stays down.
    NeverReturns,
    /// The request succeeds and nothing happens.
    Ignored,
}

/// What a lab host is to be like. The default: `operator` with sudo on an Ed25519 host key, 200 ms to
/// reboot. `start` makes a host of it.
#[derive(Clone, Debug)]
pub struct LoopbackHostBuilder {
    pub(crate) name: String,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) port: Option<u16>,
    pub(crate) login: Login,
    pub(crate) sudo: Sudo,
    pub(crate) shell: String,
    pub(crate) host_keys: Vec<KeyKind>,
    pub(crate) authorized: Vec<String>,
    pub(crate) sshd_lines: Vec<String>,
    pub(crate) ext_info: bool,
    pub(crate) on_reboot: OnReboot,
    pub(crate) spool_size: Option<u64>,
}

impl Default for LoopbackHostBuilder {
    fn default() -> Self {
        Self {
            name: "lab".into(),
            address: None,
            port: None,
            login: Login::Operator,
            sudo: Sudo::NoPassword,
            shell: "/bin/sh".into(),
            host_keys: vec![KeyKind::Ed25519],
            authorized: Vec::new(),
            sshd_lines: Vec::new(),
            ext_info: true,
            on_reboot: OnReboot::Returns(Duration::from_millis(200)),
            spool_size: None,
        }
    }
}

impl LoopbackHostBuilder {
    /// The host's own name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The address it listens on, in 127.0.0.0/8; one of its own where not given.
    #[must_use]
    pub fn address(mut self, address: Ipv4Addr) -> Self {
        self.address = Some(address);
        self
    }

    /// The port; a free one where not given. It stays the same for the host's whole life.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Who is to log in.
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    /// What sudo does for `operator`.
    #[must_use]
    pub fn sudo(mut self, sudo: Sudo) -> Self {
        self.sudo = sudo;
        self
    }

    /// The login shell of `operator`, `/bin/sh` where not given.
    #[must_use]
    pub fn login_shell(mut self, shell: impl Into<String>) -> Self {
        self.shell = shell.into();
        self
    }

    /// The kinds of its host keys.
    #[must_use]
    pub fn host_keys(mut self, kinds: impl Into<Vec<KeyKind>>) -> Self {
        self.host_keys = kinds.into();
        self
    }

    /// Lets one more key in, given as a line of authorized_keys; the host's own
    /// [`LoopbackHost::key_path`](crate::LoopbackHost::key_path) always gets in.
    #[must_use]
    pub fn authorize(mut self, public_line: impl Into<String>) -> Self {
        self.authorized.push(public_line.into());
        self
    }

    /// One more line of sshd_config; it wins over the lab's own.
    #[must_use]
    pub fn sshd_line(mut self, line: impl Into<String>) -> Self {
        self.sshd_lines.push(line.into());
        self
    }

    /// Makes its sshd send no EXT_INFO, so that nothing says which signatures it takes.
    #[must_use]
    pub fn without_ext_info(mut self) -> Self {
        self.ext_info = false;
        self
    }

    /// Limits its sshd to what the OpenSSH 6.6 of RHEL 7.2 can do: the algorithms, RSA signatures
    /// with SHA-1 only, and no EXT_INFO. Its host key is an RSA key.
    #[must_use]
    pub fn like_openssh_6_6(self) -> Self {
        let kex = "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
                   ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,\
                   diffie-hellman-group14-sha1";
        let ciphers = "aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,\
                       aes256-gcm@openssh.com,chacha20-poly1305@openssh.com";
        let macs = "hmac-sha1-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
                    hmac-sha2-512-etm@openssh.com,hmac-sha1,hmac-sha2-256,hmac-sha2-512";
        self.without_ext_info()
            .host_keys([KeyKind::Rsa])
            .sshd_line(format!("KexAlgorithms {kex}"))
            .sshd_line(format!("Ciphers {ciphers}"))
            .sshd_line(format!("MACs {macs}"))
            .sshd_line("HostKeyAlgorithms ssh-rsa")
            .sshd_line("PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519")
    }

    /// What a request to reboot does.
    #[must_use]
    pub fn on_reboot(mut self, on_reboot: OnReboot) -> Self {
        self.on_reboot = on_reboot;
        self
    }

    /// Puts the spool on a file system of its own with this many bytes. It is in memory: a reboot
    /// empties it, and [`LoopbackHost::spool_path`](crate::LoopbackHost::spool_path) does not show it.
    #[must_use]
    pub fn spool_size(mut self, bytes: u64) -> Self {
        self.spool_size = Some(bytes);
        self
    }

    /// What of it needs root, if anything.
    pub(crate) fn root_needed_for(&self) -> Option<&'static str> {
        if self.login == Login::Operator {
            Some("a host with a login of its own")
        } else if self.login == Login::Root {
            Some("logging in as root")
        } else if self.spool_size.is_some() {
            Some("a spool on a file system of its own")
        } else {
            None
        }
    }
}
