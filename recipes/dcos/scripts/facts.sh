#!/bin/sh
# What there is to know about a host before anything begins. Changes nothing.
# Needs no more than sh and the coreutils: a host that lacks a tool is told about by preflight.
set -u

have() {
    command -v "$1" >/dev/null 2>&1
}

os=unknown
os_version=unknown
if [ -r /etc/os-release ]; then
    os=$(. /etc/os-release && printf '%s' "${ID:-unknown}")
    os_version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-unknown}")
fi
fact os "$os"
fact os_version "$os_version"
fact arch "$(uname -m)"
fact kernel "$(uname -r)"

# "systemd 219" on EL 7, "systemd 252 (252.19-1)" on others.
systemd_version=0
if have systemctl; then
    systemd_version=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
fi
fact systemd_version "${systemd_version:-0}"

fact cores "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 0)"
memory_mb=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
fact memory_mb "$((${memory_mb:-0} / 1024))"

selinux=disabled
if have getenforce; then
    selinux=$(getenforce 2>/dev/null | tr '[:upper:]' '[:lower:]')
fi
fact selinux "${selinux:-disabled}"

if have systemctl && systemctl is-active --quiet firewalld 2>/dev/null; then
    fact firewalld true
else
    fact firewalld false
fi

# The client tells its version without a running daemon: "Docker version 1.11.2, build b9f10c9".
docker_version=none
if have docker; then
    docker_version=$(docker --version 2>/dev/null | sed -n 's/^Docker version \([^, ]*\).*/\1/p')
fi
fact docker_version "${docker_version:-none}"

# The installer leaves a file named for the role.
dcos_role=none
if [ -e /etc/mesosphere/roles/master ]; then
    dcos_role=master
elif [ -e /etc/mesosphere/roles/slave_public ]; then
    dcos_role=public
elif [ -e /etc/mesosphere/roles/slave ]; then
    dcos_role=private
fi
fact dcos_role "$dcos_role"

dcos_version=none
if [ -r /opt/mesosphere/etc/dcos-version.json ]; then
    dcos_version=$(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' /opt/mesosphere/etc/dcos-version.json |
        head -n 1)
fi
fact dcos_version "${dcos_version:-none}"
