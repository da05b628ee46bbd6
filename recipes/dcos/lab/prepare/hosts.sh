# What hosts are before anything is installed: the login, SELinux enforcing, firewalld and dnsmasq
# running.
set -eu
groupadd --system wheel
useradd --create-home --shell /bin/bash --groups wheel "$(cat login)"
echo '%wheel ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/wheel
chmod 440 /etc/sudoers.d/wheel
ln -sf centos-release /etc/redhat-release
ln -sf ../selinux/config /etc/sysconfig/selinux

wants=/etc/systemd/system
mkdir -p "$wants/sysinit.target.wants" "$wants/multi-user.target.wants"
ln -s /usr/lib/systemd/system/lab-selinux.service "$wants/sysinit.target.wants/"
for unit in firewalld dnsmasq; do
    ln -s "/usr/lib/systemd/system/$unit.service" "$wants/multi-user.target.wants/"
done

# EL 7 has no systemd for each user who logs in.
ln -s /dev/null /etc/systemd/system/user@.service

# Debian has this group; EL 7 has not.
groupdel nogroup 2> /dev/null || sed -i '/^nogroup:/d' /etc/group /etc/gshadow
# So does a user who may be in it.
sed -i 's/^\(nobody:[^:]*:[^:]*\):65534:/\1:99:/' /etc/passwd
grep -q ':99:$' /etc/group || echo 'nobody:x:99:' >> /etc/group
