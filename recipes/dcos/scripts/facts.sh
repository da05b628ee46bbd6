#!/bin/sh
# What there is to know about a host before anything begins. Changes nothing but what it has noted itself.
# Every host is asked before every flow, and 200 of them at once: what the shell can read by itself
# costs no process here. A host that lacks a tool is told about by preflight.
set -u

have() {
    command -v "$1" >/dev/null 2>&1
}

# The system.
os=unknown
os_version=unknown
if [ -r /etc/os-release ]; then
    while IFS='=' read -r name value; do
        value=${value#[\"\']}
        value=${value%[\"\']}
        case $name in
        ID) os=$value ;;
        VERSION_ID) os_version=$value ;;
        esac
    done </etc/os-release
fi
fact os "$os"
fact os_version "$os_version"
read -r kernel </proc/sys/kernel/osrelease
fact kernel "$kernel"
fact arch "$(uname -m)"

# "systemd 219" and its options on EL 7, "systemd 252 (252.19-1)" on others.
systemd_version=
if have systemctl; then
    systemd_version=$(systemctl --version 2>/dev/null)
    systemd_version=${systemd_version#systemd }
    systemd_version=${systemd_version%%[!0-9]*}
fi
fact systemd_version "${systemd_version:-0}"

# "0-3,8-11"
cores=0
if [ -r /sys/devices/system/cpu/online ]; then
    read -r online </sys/devices/system/cpu/online
    while [ -n "$online" ]; do
        range=${online%%,*}
        cores=$((cores + ${range#*-} - ${range%-*} + 1))
        case $online in *,*) online=${online#*,} ;; *) online= ;; esac
    done
fi
fact cores "$cores"
memory_kb=0
while read -r name value _; do
    if [ "$name" = MemTotal: ]; then
        memory_kb=$value
        break
    fi
done </proc/meminfo
fact memory_mb "$((memory_kb / 1024))"

selinux=disabled
if have getenforce; then
    case $(getenforce 2>/dev/null) in
    Enforcing) selinux=enforcing ;;
    Permissive) selinux=permissive ;;
    esac
fi
fact selinux_mode "$selinux"

# A unit that runs has a control group: version 1 of EL 7, and version 2.
if [ -d /sys/fs/cgroup/systemd/system.slice/firewalld.service ] ||
    [ -d /sys/fs/cgroup/system.slice/firewalld.service ]; then
    fact firewalld true
else
    fact firewalld false
fi

# The client tells its version without a running daemon: "Docker version 1.11.2, build b9f10c9".
docker_version=
if have docker; then
    docker_version=$(docker --version 2>/dev/null)
    docker_version=${docker_version#Docker version }
    docker_version=${docker_version%%[, ]*}
fi
fact docker_version "${docker_version:-none}"

# What a DC/OS that is here says of itself. The installer leaves a file named for the role, and
# unpacks to /opt/mesosphere, where the version comes last.
dcos_role=none
if [ -e /etc/mesosphere/roles/master ]; then
    dcos_role=master
elif [ -e /etc/mesosphere/roles/slave_public ]; then
    dcos_role=public
elif [ -e /etc/mesosphere/roles/slave ]; then
    dcos_role=private
fi
dcos_version=
if [ -r /opt/mesosphere/etc/dcos-version.json ]; then
    while read -r line || [ -n "$line" ]; do
        case $line in
        *'"version"'*:*)
            line=${line#*\"version\"*:*\"}
            dcos_version=${line%%\"*}
            break
            ;;
        esac
    done </opt/mesosphere/etc/dcos-version.json
fi
if [ -n "$dcos_version" ] && [ "$dcos_role" != none ]; then
    dcos_state=installed
elif [ -e /opt/mesosphere ] || [ -e /etc/systemd/system/dcos.target ] ||
    [ -e /etc/systemd/system/dcos.target.wants ] || [ "$dcos_role" != none ]; then
    dcos_state=half
else
    dcos_state=none
fi
fact dcos_role "$dcos_role"
fact dcos_version "${dcos_version:-none}"
fact dcos_state "$dcos_state"

# Which packages hold the configuration that the bootstrap node has made, and that nodes install now.
packages=${PX_SETTING_BOOTSTRAP_FOLDER:-}/${PX_RELEASE:-}/sums/packages
if [ "$PX_ROLE" = bootstrap ]; then
    made=
    [ ! -r "$packages" ] || read -r made <"$packages"
    fact cluster_packages "${made:-none}"
fi

# Whether what nodes install from is still what was made, each time that this host is connected to: also
# where a run is resumed, in which `generate` is done. Who changes a file, or what a folder holds, moves a time
# that nobody can set back (%C). Only where one is another, the files themselves are compared. Without a list
# nobody knows; nor where the comparison takes longer than a first look may (120 s): `generate` has the time.
# What a stage has told goes before what a later look tells. So a look that does not know names the mark that
# `generate` left last, and a `generate` that looks for itself tells which mark it found, and leaves another:
# they are the same only where it looked after this look.
served=${packages%/sums/packages}/genconf/serve
list=${packages%/*}/served
# What is not as it was made, in lines; nothing where all is.
differences() (
    cd "$served" 2>/dev/null || exit
    export LC_ALL=C
    said=$(timeout 90 sha256sum -c --quiet "$list" 2>/dev/null)
    status=$?
    [ "$status" -ne 124 ] || exit 124
    if [ "$status" -ne 0 ]; then
        printf '%s\n' "${said:-the list of checksums cannot be read}" |
            sed -e 's/^\.\///' -e 's/: FAILED$/ was changed/' -e 's/: FAILED open or read$/ is missing/'
    fi
    {
        cut -c 67- "$list"
        cat "$list.odd"
        echo
        find . -type f
        find . ! -type d ! -type f -printf '%p -> %l (no plain file)\n'
    } | awk '
        !now && $0 == "" { now = 1; next }
        !now { known[$0]; next }
        !($0 in known) { sub(/^\.\//, ""); print $0 " was added" }'
)
# How all of it lay there before it was compared: the next look reads no file. Where that cannot be
# written, it compares again.
note_state() (
    umask 077
    set -C
    new=$list.state.$$
    rm -f "$new"
    if ! printf '%s\n' "$1" >"$new" || ! mv -f "$new" "$list.state"; then
        rm -f "$new"
    fi
) 2>/dev/null
if [ "$PX_ROLE" = bootstrap ]; then
    differ=
    unsure=none
    [ ! -r "${list%/sums/served}/looked" ] || read -r unsure <"${list%/sums/served}/looked"
    mark=${unsure:-none}
    unsure=$mark
    if [ -e "$list" ]; then
        unsure=
        before=
        [ ! -r "$list.state" ] || read -r before <"$list.state"
        now=$(cd "$served" 2>/dev/null && find . -printf '%i %C@ %s %m %U %p\n' | LC_ALL=C sort | sha256sum)
        if [ -z "$now" ] || [ "$now" != "$before" ]; then
            differ=$(differences)
            case $?/$differ in
            0/) note_state "$now" ;;
            0/*) ;;
            124/*) unsure=$mark differ= ;;
            *) differ="what is served cannot be compared" ;;
            esac
        fi
    fi
    if [ -n "$differ" ]; then
        differ=$(printf '%s\n' "$differ" | awk '
            NR <= 3 { text = text (NR > 1 ? ", " : "") substr($0, 1, 300) }
            END { print text (NR > 3 ? ", and " NR - 3 " more" : "") }')
    fi
    fact served_unsure "$unsure"
    fact served_settled ""
    fact served_differs "$differ"
fi

# Name servers. What DC/OS itself puts there, and what only this host can ask, is none for others.
resolvers=
count=0
if [ -r /etc/resolv.conf ]; then
    while read -r name value _; do
        case $name/$value in
        nameserver/127.* | nameserver/0.* | nameserver/198.51.100.* | nameserver/*[!0-9.]*) ;;
        nameserver/*.*.*.*)
            case " $resolvers " in
            *" $value "*) ;;
            *)
                count=$((count + 1))
                [ "$count" -gt 3 ] || resolvers="$resolvers${resolvers:+ }$value"
                ;;
            esac
            ;;
        esac
    done </etc/resolv.conf
fi
fact found_resolvers "$resolvers"
