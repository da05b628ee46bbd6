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
# Two lines behind a heading: file system, size, used, free, share, mounted at.
disk_kb=0
var_kb=0
{
    read -r _
    read -r _ disk_kb _
    read -r _ _ _ var_kb _
} <<END
$(df -Pk / /var)
END
if [ "${disk_kb:-0}" -lt $((want_disk_gb * 1024 * 1024 * 9 / 10)) ]; then
    problem disk warning "a root disk of $((${disk_kb:-0} / 1024 / 1024)) GB is smaller than the $want_disk_gb GB that a $PX_ROLE should have" \
        "take a larger disk"
fi
case $PX_ROLE in
private | public)
    if [ "${var_kb:-0}" -lt $((10 * 1024 * 1024)) ]; then
        problem var warning "/var has $((${var_kb:-0} / 1024 / 1024)) GB free, and an agent should have 10" \
            "free some space on /var, or give it a disk of its own"
    fi
    ;;
esac

# Tools that the installation itself begins with. All others are installed by it.
missing=
for tool in awk curl grep ip mktemp sed sha256sum systemctl yum; do
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

# Whether this is a machine of EC2. Elsewhere nobody is asked: something else may answer there.
vendor=
hypervisor=
[ ! -r /sys/class/dmi/id/sys_vendor ] || read -r vendor </sys/class/dmi/id/sys_vendor
[ ! -r /sys/hypervisor/uuid ] || read -r hypervisor </sys/hypervisor/uuid
address=
metadata=http://169.254.169.254/latest
case $vendor/$hypervisor/$PX_SETTING_IP_DETECT in
*/*/route) ;;
Amazon*/*/* | */ec2*/* | */*/ec2)
    token=$(curl -fs -m 1 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token") ||
        token=
    address=$(curl -fs -m 1 ${token:+-H "X-aws-ec2-metadata-token: $token"} "$metadata/meta-data/local-ipv4") ||
        address=
    ;;
esac
if [ -n "$address" ]; then
    fact ec2 true
else
    fact ec2 false
fi

# What ip-detect will print here. A script of one's own is known once it is installed.
case $PX_SETTING_IP_DETECT in
ec2) ;;
auto | route)
    if [ -z "$address" ]; then
        route=$(ip -4 route get "${PX_ADDRESSES_MASTER%% *}" 2>/dev/null)
        case $route in
        *' src '*)
            address=${route##* src }
            address=${address%%[!0-9.]*}
            ;;
        esac
    fi
    ;;
*)
    address=
    if [ -x /opt/mesosphere/bin/detect_ip ]; then
        address=$(/opt/mesosphere/bin/detect_ip 2>/dev/null)
    fi
    ;;
esac
fact detected_address "${address:-none}"

# The addresses. Every master knows the others by those of the cluster file, and itself by the one
# that ip-detect prints: were that another one, Exhibitor would never come to an end.
case $PX_ROLE in
bootstrap | master)
    case $PX_PRIVATE_ADDRESS in
    *[!0-9.]*)
        problem private_address error "the private address of this $PX_ROLE, $PX_PRIVATE_ADDRESS, is no IPv4 address" \
            "write its IPv4 address in the cluster file: DC/OS $PX_RELEASE takes no names there"
        ;;
    esac
    ;;
esac
detected=${address:-none}
case $PX_SETTING_IP_DETECT/$detected in
auto/none | route/none)
    problem ip_detect error "this host knows no way to the first master, ${PX_ADDRESSES_MASTER%% *}" \
        "correct the master's private address in the cluster file, or this host's routes"
    ;;
ec2/none)
    problem ip_detect error "no metadata service answers at 169.254.169.254, and \`ip_detect\` is \`ec2\`" \
        "set \`ip_detect\` to \`route\` where the hosts are no machines of EC2"
    ;;
esac
if [ "$PX_ROLE" = master ] && [ "$detected" != none ]; then
    case " $PX_ADDRESSES_MASTER " in
    *" $detected "*) ;;
    *)
        problem master_address error \
            "this master's private address is $detected, and the cluster file has the masters at $PX_ADDRESSES_MASTER" \
            "write $detected as a master's private address, or another host's address for this one"
        ;;
    esac
fi

# What is there already.
case ${PX_FACT_DOCKER_VERSION:-none} in
none | 1.9.* | 1.10.* | 1.11.*) ;;
*)
    problem docker error "Docker $PX_FACT_DOCKER_VERSION is installed, and DC/OS $PX_RELEASE works with 1.9 to 1.11" \
        "remove it (yum remove docker\\*), and $PX_SETTING_DOCKER_PACKAGE is installed in its place; its containers and images are lost"
    ;;
esac
if [ "${PX_FACT_DCOS_ROLE:-none}" != none ] && [ "$PX_FACT_DCOS_ROLE" != "$PX_ROLE" ]; then
    problem role error "DC/OS is installed here as $PX_FACT_DCOS_ROLE, and the cluster file says $PX_ROLE" \
        "correct the cluster file; an installed role cannot be changed in place"
fi
if [ "${PX_FACT_DCOS_VERSION:-none}" != none ] && [ "$PX_FACT_DCOS_VERSION" != "$PX_RELEASE" ]; then
    problem version error "DC/OS $PX_FACT_DCOS_VERSION is installed here, and the cluster file says $PX_RELEASE" \
        "correct the release in the cluster file"
fi
if [ "${PX_FACT_DCOS_STATE:-none}" = half ]; then
    problem half_installed note "an installation of DC/OS was cut short here" \
        "\`phalanx install\` removes what it left, and begins anew on this host"
fi

already "looked at everything"
