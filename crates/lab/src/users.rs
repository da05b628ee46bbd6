//! The users of a lab host: copies of the machine's files with one login more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{LabError, at};
use crate::host_builder::Sudo;

/// The login that lab hosts have beside root.
pub(crate) const OPERATOR: &str = "operator";
/// Its user and group number: not likely to be anybody's.
pub(crate) const OPERATOR_ID: u32 = 42_424;
/// Its home.
pub(crate) const OPERATOR_HOME: &str = "/home/operator";

/// Writes `passwd`, `group`, `shadow`, `sudoers`, `hosts` and an empty `resolv.conf` to `folder`.
pub(crate) fn write_files(
    folder: &Path,
    hostname: &str,
    sudo: Sudo,
    shell: &str,
) -> Result<(), LabError> {
    let id = OPERATOR_ID;
    // Root gets a plain shell, too: what this machine's root has in its start-up files is no
    // business of a lab host.
    let passwd = with_lines(
        "/etc/passwd",
        &[
            "root:x:0:0:root:/root:/bin/sh",
            &format!("{OPERATOR}:x:{id}:{id}::{OPERATOR_HOME}:{shell}"),
        ],
    )?;
    let group = with_lines("/etc/group", &[&format!("operators:x:{id}:")])?;
    // `*` is "no password"; `!` would be "locked", and sshd without PAM lets nobody in then.
    let shadow =
        format!("root:*:19000:0:99999:7:::\n{OPERATOR}:*:19000:0:99999:7:::\nsshd:*:19000::::::\n");
    let may = match sudo {
        Sudo::NoPassword | Sudo::RequireTty => {
            format!("{OPERATOR} ALL=(ALL:ALL) NOPASSWD: ALL\n")
        }
        Sudo::WantsPassword => format!("{OPERATOR} ALL=(ALL:ALL) ALL\n"),
        Sudo::Denied => String::new(),
    };
    let tty = if sudo == Sudo::RequireTty {
        "Defaults requiretty\n"
    } else {
        ""
    };
    let path = crate::tools::PATH;
    let sudoers = format!(
        "Defaults env_reset\nDefaults secure_path=\"{path}\"\n{tty}root ALL=(ALL:ALL) ALL\n{may}"
    );
    // sudo looks the host's own name up; without this it may wait for DNS.
    let hosts = format!("127.0.0.1 localhost {hostname}\n::1 localhost\n");
    for (name, text, mode) in [
        ("passwd", passwd.as_str(), 0o644),
        ("group", &group, 0o644),
        ("shadow", &shadow, 0o600),
        ("sudoers", &sudoers, 0o440),
        ("hosts", &hosts, 0o644),
        ("resolv.conf", "", 0o644),
        ("hostname", hostname, 0o644),
    ] {
        let file = folder.join(name);
        at("writing", &file, fs::write(&file, text))?;
        at(
            "writing",
            &file,
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)),
        )?;
    }
    Ok(())
}

/// The file with these lines at its end, and without others of the same names.
fn with_lines(file: &str, lines: &[&str]) -> Result<String, LabError> {
    let path = Path::new(file);
    let text = at("reading", path, fs::read_to_string(path))?;
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let ours: Vec<String> = lines.iter().map(|line| name(line)).collect();
    let kept = text.lines().filter(|line| !ours.contains(&name(line)));
    let all: Vec<&str> = kept.chain(lines.iter().copied()).collect();
    Ok(all.join("\n") + "\n")
}
