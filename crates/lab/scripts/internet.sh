#!/bin/sh
# Starts the lab's internet: the lab data's internet/start.sh, in the hub's network, on a throw-away
# copy of the hosts' root filesystem.
#   $1 = its control group; LOWER = the layers of the root filesystem
set -eu
echo $$ > "$1/cgroup.procs"
# shellcheck disable=SC2016
exec unshare --mount --propagation private --pid --ipc --uts --fork --kill-child=KILL sh -c '
    set -eu
    mount -n -t tmpfs -o mode=755 tmpfs /run/internet
    cd /run/internet
    mkdir upper work root
    mount -n -t overlay -o "lowerdir=$LOWER,upperdir=upper,workdir=work" overlay root
    cp /run/lab/config/etc-hosts root/etc/hosts
    : > root/etc/resolv.conf
    cd root
    mount -n -t proc -o nosuid,nodev,noexec proc proc
    mount -n --rbind /dev dev
    mount -n -t tmpfs -o mode=755 tmpfs run
    exec env -i HOME=/root LANG=C.UTF-8 LAB_DATA=/srv/lab/data \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot . /bin/sh -c "cd /srv/lab/data/internet && if [ -x start.sh ]; then exec ./start.sh; else exec sh ./start.sh; fi"
'
