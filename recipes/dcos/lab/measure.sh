# When what the stages wait for became true on this host, by its own journal: lines STAGE MILLISECONDS,
# since 1970. Run on a host, by whoever wants to know how long an installer needed to notice.
set -u
journalctl=/usr/libexec/lab/newer/journalctl

# last STAGE PATTERN UNIT...: the last message in this boot that matches.
last() {
    stage=$1
    pattern=$2
    shift 2
    for unit; do
        set -- "$@" -u "$unit"
        shift
    done
    "$journalctl" --boot --quiet --no-pager --output short-unix "$@" |
        awk -v stage="$stage" -v pattern="$pattern" '
            $0 ~ pattern { at = $1 }
            END { if (at != "") printf "%s %.0f\n", stage, at * 1000 }'
}

last reboot 'Server listening on' ssh.service
last quorum 'stand-in: [0-9]+ of [0-9]+ serve|the leading master is [0-9]' \
    dcos-exhibitor.service dcos-mesos-master.service
last verify 'stand-in: [0-9]+ of [0-9]+ serve|the leading master is [0-9]|registered (with the master|the agent)' \
    dcos-exhibitor.service dcos-mesos-master.service \
    dcos-mesos-slave.service dcos-mesos-slave-public.service
