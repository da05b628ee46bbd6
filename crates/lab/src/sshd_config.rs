//! What a lab host's sshd is told, and the sshd that says nothing about itself.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{LabError, at};

/// What sshd is told.
pub(crate) struct SshdConfig<'a> {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    /// Host key files, as the sshd sees them.
    pub(crate) host_keys: Vec<PathBuf>,
    /// The file of keys that may log in, as any user, as the sshd sees it.
    pub(crate) authorized_keys: PathBuf,
    /// More lines; these win over the ones below.
    pub(crate) lines: &'a [String],
}

impl SshdConfig<'_> {
    /// The config file. sshd takes the first value of a keyword, so what must hold comes first.
    pub(crate) fn render(&self) -> String {
        let mut text = format!(
            "LogLevel VERBOSE\nPort {}\nListenAddress {}\nPidFile none\nAuthorizedKeysFile {}\n",
            self.port,
            self.address,
            self.authorized_keys.display(),
        );
        for key in &self.host_keys {
            text += &format!("HostKey {}\n", key.display());
        }
        for line in self.lines {
            text += line;
            text.push('\n');
        }
        // No PAM: it would want the machine's services. No DNS: there is none.
        text + "StrictModes no\nUsePAM no\nUseDNS no\nPasswordAuthentication no\n\
                KbdInteractiveAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    }
}

/// Programs that may do the key exchange: since OpenSSH 9.8 it is not sshd itself.
pub(crate) const SESSION_PROGRAMS: [&str; 4] = [
    "/usr/lib/openssh/sshd-session",
    "/usr/lib/ssh/sshd-session",
    "/usr/libexec/openssh/sshd-session",
    "/usr/libexec/sshd-session",
];

/// Copies an sshd so that it does not know the name under which a client asks for EXT_INFO: it then
/// sends none, like the OpenSSH of before 2016.
pub(crate) fn copy_without_ext_info(program: &Path, copy: &Path) -> Result<(), LabError> {
    const ASKED: &[u8] = b"ext-info-c";
    // Only the first byte differs: a linker may let other strings share the end.
    const UNHEARD: &[u8] = b"?xt-info-c";
    let mut bytes = at("reading", program, fs::read(program))?;
    let places: Vec<usize> = bytes
        .windows(ASKED.len())
        .enumerate()
        .filter(|(_, window)| *window == ASKED)
        .map(|(place, _)| place)
        .collect();
    if places.is_empty() {
        return Err(LabError::Unsupported {
            what: format!("{} does not name ext-info-c", program.display()),
        });
    }
    for place in places {
        bytes.splice(place..place + ASKED.len(), UNHEARD.iter().copied());
    }
    at("writing", copy, fs::write(copy, bytes))?;
    at(
        "writing",
        copy,
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_lines_come_before_the_defaults() {
        let lines = ["UsePAM yes".to_owned()];
        let text = SshdConfig {
            address: Ipv4Addr::LOCALHOST,
            port: 2200,
            host_keys: vec!["/k".into()],
            authorized_keys: "/a".into(),
            lines: &lines,
        }
        .render();
        assert!(text.find("UsePAM yes").unwrap() < text.find("UsePAM no").unwrap());
    }
}
