#!/bin/sh
# Whether DC/OS can be installed on this host. Changes nothing, and looks at everything, so that
# all that is to be mended is told at once.
set -u

have() {
    command -v "$1" >/dev/null 2>&1
}

# The system.
case ${PX_FACT_OS:-unknown} in
centos | rhel)
    case ${PX_FACT_OS_VERSION:-unknown} in
    7 | 7.*) ;;
    *)
        problem os error \
            "this is ${PX_FACT_OS} ${PX_FACT_OS_VERSION:-unknown}, and DC/OS $PX_RELEASE runs on version 7" \
            "install RHEL or CentOS 7 on this host"
        ;;
    esac
    ;;
*)
    problem os error \
        "this is ${PX_FACT_OS:-unknown} ${PX_FACT_OS_VERSION:-}, and DC/OS $PX_RELEASE runs on RHEL and CentOS 7" \
        "install RHEL or CentOS 7 on this host"
    ;;
esac
if [ "${PX_FACT_ARCH:-unknown}" != x86_64 ]; then
    problem arch error "the processor is ${PX_FACT_ARCH:-unknown}, and DC/OS needs x86_64" \
        "take another machine"
fi
if [ "${PX_FACT_SYSTEMD_VERSION:-0}" -lt 200 ]; then
    problem systemd error "systemd ${PX_FACT_SYSTEMD_VERSION:-0} is too old: DC/OS needs 200 or later" \
        "update systemd"
fi

# Sizes, as the documentation asks for them. A tenth less is let pass: what the firmware and the
# kernel keep for themselves is missing from what a machine tells.
case $PX_ROLE in
master) want_cores=4 want_gb=32 want_disk_gb=120 ;;
*) want_cores=2 want_gb=16 want_disk_gb=60 ;;
esac
if [ "${PX_FACT_CORES:-0}" -lt "$want_cores" ]; then
    problem cores warning "${PX_FACT_CORES:-0} cores are fewer than the $want_cores that a $PX_ROLE should have" \
        "take a larger machine"
fi
if [ "${PX_FACT_MEMORY_MB:-0}" -lt $((want_gb * 1024 * 9 / 10)) ]; then
    problem memory warning "${PX_FACT_MEMORY_MB:-0} MB of memory are less than the $want_gb GB that a $PX_ROLE should have" \
        "take a larger machine"
fi
disk_kb=$(df -Pk / | awk 'NR == 2 { print $2 }')
if [ "${disk_kb:-0}" -lt $((want_disk_gb * 1024 * 1024 * 9 / 10)) ]; then
    problem disk warning "a root disk of $((${disk_kb:-0} / 1024 / 1024)) GB is smaller than the $want_disk_gb GB that a $PX_ROLE should have" \
        "take a larger disk"
fi
case $PX_ROLE in
private | public)
    var_kb=$(df -Pk /var | awk 'NR == 2 { print $4 }')
    if [ "${var_kb:-0}" -lt $((10 * 1024 * 1024)) ]; then
        problem var warning "/var has $((${var_kb:-0} / 1024 / 1024)) GB free, and an agent should have 10" \
            "free some space on /var, or give it a disk of its own"
    fi
    ;;
esac

# Tools that the installation itself begins with. All others are installed by it.
missing=
for tool in awk curl sed systemctl tar yum; do
    have "$tool" || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    problem tools error "not installed:$missing" "install$missing"
fi

# DC/OS's own services look up the host's name.
name=$(uname -n)
if ! getent ahosts "$name" >/dev/null 2>&1; then
    problem hostname error "the host's own name, $name, does not resolve" \
        "add it to DNS or to /etc/hosts, with the host's private address"
fi

# What is there already.
if [ "${PX_FACT_DCOS_ROLE:-none}" != none ] && [ "$PX_FACT_DCOS_ROLE" != "$PX_ROLE" ]; then
    problem role error "DC/OS is installed here as $PX_FACT_DCOS_ROLE, and the cluster file says $PX_ROLE" \
        "correct the cluster file; an installed role cannot be changed in place"
fi
if [ "${PX_FACT_DCOS_VERSION:-none}" != none ] && [ "$PX_FACT_DCOS_VERSION" != "$PX_RELEASE" ]; then
    problem version error "DC/OS $PX_FACT_DCOS_VERSION is installed here, and the cluster file says $PX_RELEASE" \
        "correct the release in the cluster file"
fi

already "looked at everything"
