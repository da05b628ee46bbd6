#!/bin/sh
# Boots one host of a lab, and boots it again after each reboot.
#   $1 = the host's name, $2 = its control group
# hosts/NAME/boots gets a line at every start and every end: seconds, "up" or "down", exit status.
set -u
name=$1
group=$2
boots=hosts/$name/boots

# Network interfaces outlive a reboot only here, where the network namespace does.
reset_network() {
    for link in $(nsenter --net="/run/netns/$name" ip -brief link show | cut -d' ' -f1); do
        link=${link%%@*}
        case $link in
            lo | eth0) ;;
            *) nsenter --net="/run/netns/$name" ip link delete "$link" 2> /dev/null ;;
        esac
    done
    nsenter --net="/run/netns/$name" sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward'
}

boot=0
while :; do
    boot=$((boot + 1))
    [ "$boot" = 1 ] || reset_network
    echo "$(date +%s.%N) up" >> "$boots"
    echo "-- boot $boot of $name"
    # A time namespace in which the machine has just been started: uptime is the host's.
    uptime=$(cut -d. -f1 /proc/uptime)
    # shellcheck disable=SC2016
    nsenter --net="/run/netns/$name" sh -c '
        echo $$ > "$1/cgroup.procs" || exit 1
        exec unshare --mount --propagation private --pid --ipc --uts --cgroup \
            --time --boottime "-$2" --fork --kill-child=KILL sh scripts/host.sh "$3" "$4"
    ' supervisor "$group" "$uptime" "$name" "$boot"
    status=$?
    echo 1 > "$group/cgroup.kill"
    find "$group" -mindepth 1 -depth -type d -exec rmdir {} + 2> /dev/null
    echo "$(date +%s.%N) down $status" >> "$boots"
    # In a pid namespace reboot(2) ends process 1: by SIGHUP for a reboot, by SIGINT for a halt.
    [ "$status" = 129 ] || exit "$status"
done
