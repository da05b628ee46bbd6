#!/bin/bash
#
# BASH script to install the DC/OS stand-in on a node. This is not DC/OS: it behaves towards an
# installer as dcos_install.sh of DC/OS 1.8.8 does, and starts services that answer as DC/OS's do.
#
# Usage:
#
#   dcos_install.sh <role>...
#
# Metadata:
#   dcos image commit: {{ dcos_image_commit }}
#   generation date: {{ generation_date }}

set -o errexit -o nounset -o pipefail

declare -i failures=0
declare -i disable_preflight=0 preflight_only=0 no_block=0
roles=''
red=''
bold=''
normal=''

# A terminal whose kind nobody knows ends the script here: DC/OS's does that, too.
if [ -t 1 ]; then
    colors=$(tput colors)
    if [[ $colors -ge 8 ]]; then
        red='\e[1;31m' bold='\e[1m' normal='\e[0m'
    fi
fi

arguments=$(getopt -o dph --long disable-preflight,preflight-only,help,no-block-dcos-setup \
    -n "$(basename "$0")" -- "$@")

if [[ $EUID -ne 0 ]]; then
    echo "This script must be run as root" 1>&2
    exit 1
fi

usage() {
    echo -e "${bold}Usage: $0 [--disable-preflight|--preflight-only] <roles>${normal}"
}

# -- Checks ---------------------------------------------------------------------------------------

# print_status CODE [EXTRA]: ends a line that "Checking ..." began; counts what failed.
print_status() {
    if [[ $1 -eq 0 ]]; then
        echo -e "${bold}PASS ${2:-}${normal}"
    else
        echo -e "${red}FAIL ${2:-}${normal}"
        failures+=$1
    fi
}

check_existing() {
    echo -n 'Checking if DC/OS is already installed: '
    if [[ -d /etc/systemd/system/dcos.target || -d /etc/systemd/system/dcos.target.wants ||
        -d /opt/mesosphere ]]; then
        print_status 1 "${normal}(Currently installed)"
        cat <<'END'

Found an existing DC/OS installation. To reinstall DC/OS on this this machine you must
first uninstall DC/OS then run dcos_install.sh. To uninstall DC/OS, follow the product
documentation provided with DC/OS.

END
        exit 1
    fi
    print_status 0 "${normal}(Not installed)"
}

check_selinux() {
    local mode code=0
    mode=$(getenforce 2>/dev/null) || mode=
    [[ $mode != Enforcing ]] || code=1
    print_status "$code" 'Is SELinux disabled?'
}

check_command() {
    local name=${2:-$1} code=0
    echo -n "Checking if $name is installed and in PATH: "
    command -v "$1" > /dev/null 2>&1 || code=1
    print_status "$code"
    return "$code"
}

check_version() {
    local name=$1 at_least=$2 version=$3 code=0
    echo -n "Checking $name version requirement (>= $at_least): "
    [[ $(printf '%s\n' "$at_least" "$version" | sort -V | tail -n 1) == "$version" ]] || code=1
    print_status "$code" "${normal}($version)"
}

# The lower one of client's and server's version; 0 where the daemon does not answer.
docker_version() {
    { docker version 2>/dev/null || :; } | awk '
        $1 == "Client:" || $1 == "Server:" { side = $1 }
        $1 == "Version:" { version[side] = $2 }
        END { print version["Client:"]; print version["Server:"] ? version["Server:"] : 0 }
    ' | sort -V | head -n 1
}

# As in the real script, a port whose hexadecimal number has a letter in it is never found: it is looked
# for in small letters, and the kernel writes capital ones. (The real one takes any connection's own port
# for one that is in use; this one looks at what listens.)
check_ports() {
    local busy port service
    # A kernel without IPv6 has only two of the files.
    # shellcheck disable=SC2046
    busy=" $(awk '
        (FILENAME ~ /tcp/ && $4 == "0A") || (FILENAME ~ /udp/ && $4 == "07") {
            split($2, local, ":")
            print local[2]
        }' /proc/net/tcp /proc/net/udp $(ls /proc/net/tcp6 /proc/net/udp6 2>/dev/null) |
        tr '\n' ' ')"
    while read -r port service; do
        local code=0 hexadecimal
        printf -v hexadecimal %04x "$port"
        echo -n "Checking if port $port (required by $service) is in use: "
        [[ $busy != *" $hexadecimal "* ]] || code=1
        print_status "$code"
    done
}

check_storage_driver() {
    local information driver data_file
    echo -n 'Checking Docker is configured with a production storage driver: '
    information=$(docker info 2>/dev/null) || information=
    driver=$(sed -n 's/^ *Storage Driver: *//p' <<< "$information")
    data_file=$(sed -n 's/^ *Data file: *//p' <<< "$information")
    if [[ $driver != devicemapper ]]; then
        print_status 0 "${normal}($driver)"
    elif [[ $data_file != /dev/loop* ]]; then
        print_status 0 "${normal}($driver $data_file)"
    else
        print_status 1 "${normal}($driver, $data_file)"
        cat <<'END'

Docker is configured to use the devicemapper storage driver with a loopback
device behind it. This is highly recommended against by Docker and the
community at large for production use. Select an alternate storage driver, or
use alternate storage than loopback for the devicemapper driver.

END
        exit 1
    fi
}

check_all() {
    local role agent=0 command code
    set +e
    echo -e "${bold}Running preflight checks${normal}"
    for role in $roles; do
        [[ $role != slave && $role != slave_public ]] || agent=1
    done

    check_existing
    check_selinux
    if check_command docker; then
        check_version docker 1.6 "$(docker_version)"
    fi
    for command in curl bash ping tar xz unzip ipset systemd-notify; do
        check_command "$command"
    done
    if check_command systemctl systemd; then
        check_version systemd 200 "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
    fi
    echo -n "Checking if group 'nogroup' exists: "
    getent group nogroup > /dev/null
    print_status $?

    if [[ $agent -eq 0 ]]; then
        check_ports <<'END'
53 spartan
80 adminrouter
443 adminrouter
1050 3dt
2181 zookeeper
5050 mesos-master
7070 cosmos
8080 marathon
8101 dcos-oauth
8123 mesos-dns
8181 exhibitor
9000 metronome
9942 metronome
9990 cosmos
15055 dcos-history
33107 navstar
36771 marathon
41281 zookeeper
42819 spartan
43911 minuteman
46839 metronome
61053 mesos-dns
61420 epmd
61421 minuteman
62053 spartan
62080 navstar
END
    else
        check_ports <<'END'
53 spartan
5051 mesos-agent
34451 navstar
39851 spartan
43995 minuteman
61001 agent-adminrouter
61420 epmd
61421 minuteman
62053 spartan
62080 navstar
END
    fi

    check_storage_driver

    # All roles together are looked at as one: more than one is none.
    case $roles in
    master | slave | slave_public | minuteman) ;;
    *)
        echo -e "${red}FAIL Invalid role $roles. Role must be one of {master,slave,slave_public}${normal}"
        failures+=1
        ;;
    esac
    set -e
}

# -- Installation ---------------------------------------------------------------------------------

write_flags() {
    echo 'Creating directories under /etc/mesosphere'
    mkdir -p /etc/mesosphere/roles /etc/mesosphere/setup-flags
    local role
    for role in $roles; do
        echo "Creating role file for $role"
        touch "/etc/mesosphere/roles/$role"
    done

    echo 'Configuring DC/OS'
    cat > /etc/mesosphere/setup-flags/repository-url <<'END'
{{ bootstrap_url }}
END
    cat > /etc/mesosphere/setup-flags/cluster-packages.json <<'END'
{{ cluster_packages }}
END
    mkdir -p /etc/systemd/journald.conf.d
    cat > /etc/systemd/journald.conf.d/dcos.conf <<'END'
[Journal]
MaxLevelConsole=warning
RateLimitInterval=1s
RateLimitBurst=20000
END
    mkdir -p /etc/rexray
    cat > /etc/rexray/config.yml <<'END'
{{ rexray_config }}
END
}

start_services() {
    echo 'Setting and starting DC/OS'
    cat > /etc/systemd/system/dcos-link-env.service <<'END'
[Unit]
Before=dcos.target
[Service]
Type=oneshot
StandardOutput=journal+console
StandardError=journal+console
ExecStartPre=/usr/bin/mkdir -p /etc/profile.d
ExecStart=/usr/bin/ln -sf /opt/mesosphere/environment.export /etc/profile.d/dcos.sh
END
    cat > /etc/systemd/system/dcos-download.service <<'END'
[Unit]
Description=Pkgpanda: Download DC/OS (stand-in) to this host.
After=network-online.target
Wants=network-online.target
ConditionPathExists=!/opt/mesosphere/
[Service]
Type=oneshot
StandardOutput=journal+console
StandardError=journal+console
ExecStartPre=/usr/bin/curl --keepalive-time 2 -fLsSv --retry 20 -Y 100000 -y 60 -o /{{ bootstrap_tmp_dir }}/bootstrap.tar.xz {{ bootstrap_url }}/bootstrap/{{ bootstrap_id }}.bootstrap.tar.xz
ExecStartPre=/usr/bin/mkdir -p /opt/mesosphere
ExecStart=/usr/bin/tar -axf /{{ bootstrap_tmp_dir }}/bootstrap.tar.xz -C /opt/mesosphere
ExecStartPost=-/usr/bin/rm -f /{{ bootstrap_tmp_dir }}/bootstrap.tar.xz
END
    cat > /etc/systemd/system/dcos-setup.service <<'END'
[Unit]
Description=Pkgpanda: Specialize DC/OS (stand-in) for this host.
Requires=dcos-download.service
After=dcos-download.service
[Service]
Type=oneshot
StandardOutput=journal+console
StandardError=journal+console
EnvironmentFile=/opt/mesosphere/environment
ExecStart=/opt/mesosphere/bin/pkgpanda setup --no-block-systemd
[Install]
WantedBy=multi-user.target
END

    systemctl restart systemd-journald
    # Docker gets a SIGPIPE when journald goes away.
    systemctl restart docker
    systemctl start dcos-link-env
    systemctl enable dcos-setup
    if [[ $no_block -eq 1 ]]; then
        systemctl start dcos-setup --no-block
    else
        systemctl start dcos-setup
    fi
}

# -- Command line ---------------------------------------------------------------------------------

eval set -- "$arguments"
while true; do
    case $1 in
    -d | --disable-preflight) disable_preflight=1 ;;
    -p | --preflight-only) preflight_only=1 ;;
    --no-block-dcos-setup) no_block=1 ;;
    --)
        shift
        break
        ;;
    *)
        usage
        exit 1
        ;;
    esac
    shift
done
roles=$*

if [[ $disable_preflight -eq 1 && $preflight_only -eq 1 ]]; then
    echo 'Both --disable-preflight and --preflight-only can not be specified'
    usage
    exit 1
fi
if [[ $preflight_only -eq 1 ]]; then
    check_all
    exit "$failures"
fi
if [[ -z $roles ]]; then
    echo 'Atleast one role name must be specified'
    usage
    exit 1
fi

echo -e "${bold}Starting DC/OS Install Process${normal} (stand-in, not DC/OS)"
if [[ $disable_preflight -eq 0 ]]; then
    check_all
    if [[ $failures -ne 0 ]]; then
        echo 'Preflight checks failed. Exiting installation. Please consult product documentation'
        exit "$failures"
    fi
fi
write_flags
start_services
