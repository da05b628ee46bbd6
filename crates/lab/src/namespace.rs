//! A host of one's own inside this machine: what is mounted over what.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{LabError, at};
use crate::users::{OPERATOR_HOME, OPERATOR_ID};

/// Where a host keeps its jobs.
pub(crate) const SPOOL: &str = "/var/lib/phalanx";
/// Where the lab's own files are seen on the host.
pub(crate) const INSIDE: &str = "/run/lab";

/// Becomes the host's process 1. `$1` is the lab's folder, `$2` the size of the spool's file system
/// in bytes or empty, `$3` the programs to start sshd from, as `COPY:PROGRAM` pairs.
///
/// Folders that a host writes to are overlays: what it changes there stays in the lab's folder (in
/// memory, where that file system cannot carry an overlay). The spool and the home are plain
/// folders, for what is measured there must not depend on overlayfs.
const INIT: &str = r#"set -eu
lab=$1 size=$2 copies=$3
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd /run/lab /run/lab-upper /run/lab-spool
mount --bind "$lab/inside" /run/lab
mount --bind "$lab/upper" /run/lab-upper
mount --bind "$lab/spool" /run/lab-spool
overlay() {
    mkdir -p "/run/lab-upper/$1/files" "/run/lab-upper/$1/work"
    mount -t overlay -o "lowerdir=/$1,upperdir=/run/lab-upper/$1/files,workdir=/run/lab-upper/$1/work" overlay "/$1"
}
overlay etc 2>/dev/null || { mount -t tmpfs -o mode=755 tmpfs /run/lab-upper; overlay etc; }
for folder in usr var opt srv root; do
    [ ! -d "/$folder" ] || overlay "$folder"
done
if [ ! -e /etc/lab-host ]; then
    for file in passwd group shadow sudoers hosts resolv.conf hostname; do
        rm -f "/etc/$file"
        cp -p "/run/lab/etc/$file" "/etc/$file"
    done
    rm -f /etc/nologin
    for name in systemctl reboot shutdown; do
        for program in "/usr/bin/$name" "/usr/sbin/$name"; do
            rm -f "$program"
            cp -p "/run/lab/bin/$name" "$program"
        done
    done
    : > /etc/lab-host
fi
cat /etc/hostname > /proc/sys/kernel/hostname
mount -t tmpfs -o mode=755 tmpfs /home
mkdir -p HOME SPOOL
mount --bind /run/lab/home HOME
if [ -n "$size" ]; then
    mount -t tmpfs -o "mode=700,size=$size" tmpfs SPOOL
else
    mount --bind /run/lab-spool SPOOL
fi
umount /run/lab-spool
for copy in $copies; do
    mount --bind "${copy%%:*}" "${copy#*:}"
done
mount --bind /run/lab/boot_id /proc/sys/kernel/random/boot_id
cd /
exec SSHD -D -e -f /run/lab/sshd_config
"#;

/// Stands in for systemctl on a host without systemd: it can reboot and nothing else.
const SYSTEMCTL: &str = r#"#!/bin/sh
for word; do
    case $word in
        reboot | kexec) exec /run/lab/bin/go-down reboot ;;
        poweroff | halt) exec /run/lab/bin/go-down poweroff ;;
    esac
done
echo "System has not been booted with systemd as init system (PID 1). Can't operate." >&2
exit 1
"#;

const REBOOT: &str = "#!/bin/sh\nexec /run/lab/bin/go-down reboot\n";

const SHUTDOWN: &str = r#"#!/bin/sh
for word; do
    case $word in
        -r | --reboot | -r*) exec /run/lab/bin/go-down reboot ;;
    esac
done
exec /run/lab/bin/go-down poweroff
"#;

/// Returns at once, like the real ones: the request is taken, and the host goes down a moment later.
/// Everything is asked to end, then made to; with process 1 the whole host is gone.
const GO_DOWN: &str = r#"#!/bin/sh
if [ "$(id -u)" != 0 ]; then
    echo "Failed to set wall message: Interactive authentication required." >&2
    exit 1
fi
[ ! -e /run/lab/reboot-ignored ] || exit 0
echo "$1" > /run/lab/going-down
setsid sh -c '
    trap "" TERM HUP
    sleep 0.1
    kill -TERM -1
    sleep 0.2
    kill -KILL -1
    kill -TERM 1
' < /dev/null > /dev/null 2>&1 &
exit 0
"#;

/// Makes the folders and programs of a host below `lab`.
pub(crate) fn lay_out(lab: &Path, sshd: &Path) -> Result<(), LabError> {
    for folder in ["inside/bin", "inside/etc", "inside/home", "upper", "spool"] {
        let path = lab.join(folder);
        at("making", &path, fs::create_dir_all(&path))?;
        at(
            "making",
            &path,
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)),
        )?;
    }
    let spool = lab.join("spool");
    at(
        "making",
        &spool,
        fs::set_permissions(&spool, fs::Permissions::from_mode(0o700)),
    )?;
    let home = lab.join("inside/home");
    at(
        "making",
        &home,
        std::os::unix::fs::chown(&home, Some(OPERATOR_ID), Some(OPERATOR_ID)),
    )?;
    let init = INIT
        .replace("SPOOL", SPOOL)
        .replace("HOME", OPERATOR_HOME)
        .replace("SSHD", &sshd.display().to_string());
    for (name, text) in [
        ("init", init.as_str()),
        ("inside/bin/systemctl", SYSTEMCTL),
        ("inside/bin/reboot", REBOOT),
        ("inside/bin/shutdown", SHUTDOWN),
        ("inside/bin/go-down", GO_DOWN),
    ] {
        let path = lab.join(name);
        at("writing", &path, fs::write(&path, text))?;
        at(
            "writing",
            &path,
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)),
        )?;
    }
    Ok(())
}
