#!/bin/sh
# Makes a root filesystem of Debian packages that systemd can boot as a host of a lab.
#   $1 = the folder to make, $2 = the release, $3 = apt sources, $4 = apt configuration,
#   $5 = the packages, separated by commas
# Runs in mount and pid namespaces of its own.
set -eu
root=$1
export TMPDIR="${root%/*}/tmp"
mkdir "$TMPDIR"

mmdebstrap --mode=root --format=directory --variant=minbase --include="$5" \
    --aptopt="$4" \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt=path-exclude=/usr/share/man/* \
    --dpkgopt=path-exclude=/usr/share/doc/* \
    --dpkgopt=path-exclude=/usr/share/locale/* \
    "$2" "$root" "$3"

cd "$root"
echo "I: settling what hosts of a lab need"
# Nothing of the machine's way to packages is a host's business; a proxy may carry a password.
rm -rf etc/apt/apt.conf.d/99mmdebstrap etc/apt/sources.list etc/apt/sources.list.d/*
rm -rf var/lib/apt/lists/* var/cache/apt/* var/log/apt var/log/dpkg.log var/log/bootstrap.log

# No package's service starts by itself: whoever wants one enables it.
for folder in etc/systemd/system/*.wants etc/systemd/system/*.requires; do
    [ ! -d "$folder" ] || rm -rf "$folder"
done
rm -rf etc/rc[0-6S].d/*
# Nothing is generated either: there is no fstab, no console, no disk to look at. Generators would run at
# every boot and at every `systemctl daemon-reload`, and be most of what those cost.
rm -f usr/lib/systemd/system-generators/* usr/lib/systemd/user-generators/*
cd etc/systemd/system
mkdir -p multi-user.target.wants ssh.service.d
ln -s /lib/systemd/system/ssh.service multi-user.target.wants/ssh.service
ln -sf /lib/systemd/system/ssh.service sshd.service
ln -sf /lib/systemd/system/multi-user.target default.target
# What a host without hardware, consoles and kernel modules of its own cannot do, and what would wake
# up at a time of its own.
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket \
    systemd-udevd-kernel.socket systemd-modules-load.service modprobe@.service \
    systemd-pstore.service systemd-timesyncd.service systemd-networkd-wait-online.service \
    systemd-binfmt.service systemd-firstboot.service kmod-static-nodes.service \
    systemd-tmpfiles-setup-dev.service systemd-hwdb-update.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount \
    proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount \
    getty.target console-getty.service getty-static.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer man-db.timer logrotate.timer motd-news.timer; do
    ln -sf /dev/null "$unit"
done
# A login before boot is over would be turned away by PAM.
cat > ssh.service.d/lab.conf <<'END'
[Unit]
After=systemd-user-sessions.service
END
cd ../../..

# A greeting is put together at every login, by half a dozen processes.
sed -i '/pam_motd/d; /pam_mail/d' etc/pam.d/sshd

rm -f etc/ssh/ssh_host_*
mkdir -p etc/ssh/sshd_config.d etc/systemd/journald.conf.d var/log/journal
cat > etc/ssh/sshd_config.d/lab.conf <<'END'
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
MaxStartups 100:30:200
MaxSessions 64
END
cat > etc/systemd/journald.conf.d/lab.conf <<'END'
[Journal]
Storage=persistent
SystemMaxUse=16M
RuntimeMaxUse=8M
END
: > etc/default/locale
# Each host gets its own.
rm -f etc/machine-id var/lib/dbus/machine-id etc/hostname etc/resolv.conf
: > etc/resolv.conf
rm -rf tmp/* var/tmp/*
