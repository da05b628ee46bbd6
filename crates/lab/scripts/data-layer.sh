#!/bin/sh
# Lays the files of a lab's data over a root filesystem and lets its prepare.sh work there.
#   $1 = a folder with root/ (empty; what changes ends up there), work/, mnt/ and data/ (the lab's data),
#   $2 = the root filesystem below
# Runs in mount, pid and network namespaces of its own: prepare.sh has no network.
set -eu
folder=$1
base=$2

# All paths that an overlay's options name are below /run, without characters that mean anything there.
mount -n -t tmpfs -o mode=755 tmpfs "$folder/mnt"
mkdir "$folder/mnt/base" "$folder/mnt/layer" "$folder/mnt/merged"
mount -n --bind "$base" "$folder/mnt/base"
mount -n --bind "$folder" "$folder/mnt/layer"
mount -n --move "$folder/mnt" /run
mount -n -t overlay \
    -o lowerdir=/run/base,upperdir=/run/layer/root,workdir=/run/layer/work overlay /run/merged
cd /run/merged

mkdir -p srv/lab/data srv/lab/internet
tar -C /run/layer/data -cf - . | tar -C srv/lab/data --no-overwrite-dir -xpf -
if [ -d srv/lab/data/root ]; then
    tar -C srv/lab/data/root -cf - . | tar --no-overwrite-dir --keep-directory-symlink -xpf -
fi
if [ -e srv/lab/data/prepare.sh ]; then
    ip link set lo up
    mount -n -t proc -o nosuid,nodev,noexec proc proc
    mount -n -t sysfs -o nosuid,nodev,noexec,ro sysfs sys
    mount -n --rbind /dev dev
    mount -n -t tmpfs -o mode=755 tmpfs run
    mount -n -t tmpfs -o mode=1777 tmpfs tmp
    # shellcheck disable=SC2016
    env -i HOME=/root LANG=C.UTF-8 LAB_DATA=/srv/lab/data \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot . /bin/sh -c '
            cd "$LAB_DATA"
            if [ -x prepare.sh ]; then exec ./prepare.sh; else exec sh ./prepare.sh; fi
        ' < /dev/null
fi
login=$(sed 's/#.*//; s/[[:space:]]//g; /^$/d' srv/lab/data/login)
if ! grep -q "^$login:" etc/passwd; then
    echo "there is no user $login (named in the file login): prepare.sh has to make it" >&2
    exit 1
fi
# Nothing below /usr is newer than this: else systemd would bring its caches up to date at every
# host's first boot.
touch etc/.updated var/.updated
