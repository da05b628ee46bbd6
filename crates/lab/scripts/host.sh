#!/bin/sh
# Becomes process 1 of a host: lays out its filesystems and starts systemd. It runs in namespaces of
# its own for everything but the network, which is the host's already.
#   $1 = the host's name, $2 = which boot this is; LOWER = the layers of the root filesystem
set -eu
name=$1
boot=$2
host=/run/lab/hosts/$name

mount -n -t overlay \
    -o "lowerdir=$LOWER,upperdir=$host/upper,workdir=$host/work" overlay /run/host
cd /run/host

if [ "$boot" = 1 ]; then
    tar -C "$host/first-boot" -cf - . | tar --no-overwrite-dir --keep-directory-symlink -xpf -
    login=$(cat /run/lab/config/login)
    entry=$(grep "^$login:" etc/passwd) || {
        echo "there is no user $login on this host: prepare.sh of the lab's data has to make it"
        exit 1
    }
    owner=$(echo "$entry" | cut -d: -f3,4)
    home=.$(echo "$entry" | cut -d: -f6)
    mkdir -p "$home/.ssh"
    cp /run/lab/key.pub "$home/.ssh/authorized_keys"
    chmod 700 "$home/.ssh"
    chmod 600 "$home/.ssh/authorized_keys"
    chown "$owner" "$home/.ssh" "$home/.ssh/authorized_keys"
else
    # Rules and sets of the last boot went with the kernel, on a real host.
    for tool in iptables ip6tables; do
        [ -x "usr/sbin/$tool" ] || continue
        for table in filter nat mangle raw; do
            chroot . "$tool" --wait --table "$table" --flush
            chroot . "$tool" --wait --table "$table" --delete-chain
        done
        for chain in INPUT FORWARD OUTPUT; do
            chroot . "$tool" --wait --policy "$chain" ACCEPT
        done
    done 2> /dev/null || :
    [ ! -x usr/sbin/ipset ] || chroot . ipset destroy 2> /dev/null || :
fi

mkdir -p dev proc sys run tmp
mount -n -t proc -o nosuid,nodev,noexec proc proc
mount -n -t sysfs -o nosuid,nodev,noexec,ro sysfs sys
mount -n -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -n -t tmpfs -o mode=755,nosuid,size=4m tmpfs dev
mkdir dev/net dev/pts dev/shm
for device in null zero full random urandom tty fuse net/tun; do
    [ -e "/dev/$device" ] || continue
    : > "dev/$device"
    mount -n --bind "/dev/$device" "dev/$device"
done
mount -n -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -n -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -n -t tmpfs -o mode=755,nosuid,nodev,size=20% tmpfs run

# What the lab's internet serves is reached over the network, as anywhere else.
[ ! -d srv/lab ] || mount -n -t tmpfs -o mode=755,size=4k,ro tmpfs srv/lab

# Overlayfs carries neither another overlay nor inotify on what lies below; these folders are plain.
number=0
while read -r folder; do
    number=$((number + 1))
    mkdir -p ".$folder"
    mount -n --bind "$host/plain/$number" ".$folder"
done < /run/lab/config/plain-dirs

# The kernel is the machine's and its settings stay as they are, but for those of the host's network.
cat /proc/sys/kernel/random/uuid > run/boot-id
chmod 444 run/boot-id
mount -n --bind proc/sys proc/sys
mount -n --bind proc/sys/net proc/sys/net
mount -n --bind run/boot-id proc/sys/kernel/random/boot_id
mount -n -o remount,bind,ro,nosuid,nodev,noexec proc/sys
[ ! -e proc/sysrq-trigger ] || mount -n --bind /dev/null proc/sysrq-trigger

mkdir run/machine
pivot_root . run/machine
cd /
umount -n -l /run/machine
rmdir /run/machine
# What could change the machine's clock, modules or memory is taken away; mknod stays, containers
# need it.
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --inh-caps=-all \
    --bounding-set=-sys_module,-sys_rawio,-sys_time,-wake_alarm,-mac_admin,-mac_override \
    /lib/systemd/systemd --show-status=no
