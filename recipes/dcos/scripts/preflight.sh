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

# The options of the file system that holds the folder $1, and of which type it is.
holds() {
    mount='' type='' options=''
    while read -r _ at kind flags _; do
        under=${at%/}/
        case $1/ in
        "$under"*)
            if [ ${#at} -ge ${#mount} ]; then
                mount=$at type=$kind options=$flags
            fi
            ;;
        esac
    done </proc/mounts
}
# DC/OS unpacks to /tmp and runs from there.
holds /tmp
case ,$options, in
*,noexec,*)
    problem tmp_noexec error "nothing can be run in /tmp: $mount is mounted with noexec" \
        "mount -o remount,exec $mount, and take noexec out of /etc/fstab"
    ;;
esac
# The overlay driver of Docker needs to know the kind of a folder's entries: RHEL 7.2 made file systems
# that do not tell.
holds /var/lib/docker
if [ "$type" = xfs ] && have xfs_info; then
    case $(xfs_info "$mount" 2>/dev/null) in
    *ftype=0*)
        case $PX_RELEASE in
        1.8.* | 1.9.*) severity=warning ;;
        *) severity=error ;;
        esac
        problem xfs_ftype "$severity" "$mount, which holds /var/lib/docker, is an XFS without ftype: Docker's overlay driver loses files on it" \
            "give /var/lib/docker a file system of its own, made by mkfs.xfs -n ftype=1"
        ;;
    esac
fi

# Tools that the installation itself begins with. All others are installed by it.
missing=
for tool in awk curl grep ip mktemp sed sha256sum systemctl yum; do
    have "$tool" || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    problem tools error "not installed:$missing" "install$missing"
fi

# How far this host's clock is ahead of the controller's, message time included: hosts are compared
# with each other later.
now=$(date +%s%3N)
fact clock_ahead_ms $((now - PX_CLOCK))

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
    # Never by a proxy: that would tell its own address.
    token=$(curl -fs --noproxy '*' -m 2 --retry 2 --retry-delay 1 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
        "$metadata/api/token") || token=
    address=$(curl -fs --noproxy '*' -m 2 --retry 2 --retry-delay 1 \
        ${token:+-H "X-aws-ec2-metadata-token: $token"} "$metadata/meta-data/local-ipv4") || address=
    ;;
esac
case $vendor/$hypervisor/$PX_SETTING_IP_DETECT/$address in
Amazon*/*/auto/ | */ec2*/auto/)
    problem metadata error "this is a machine of EC2, and its metadata service does not answer at 169.254.169.254" \
        "see that the instance metadata service is on, or set \`ip_detect\` to \`route\`"
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

# The networks that this host is in, without those of containers.
networks=
while read -r _ interface _ network _; do
    case $interface in
    lo | docker* | veth* | virbr* | br-* | d-* | m-* | vtep* | spartan | minuteman) ;;
    # A point-to-point interface has one address and no network.
    *) networks="$networks${networks:+ }$network$(case $network in */*) ;; *) echo /32 ;; esac)" ;;
    esac
done <<END
$(ip -o -4 addr show)
END
fact networks "$networks"

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
# An ensemble knows its members by the list that it was installed with.
list=/opt/mesosphere/etc/master_list
if [ "${PX_FACT_DCOS_STATE:-none}" = installed ] && [ -r "$list" ]; then
    there=$(tr -cs '0-9.' '\n' <"$list" | grep . | sort | tr '\n' ' ')
    # shellcheck disable=SC2086
    want=$(printf '%s\n' $PX_ADDRESSES_MASTER | sort | tr '\n' ' ')
    if [ -n "$there" ] && [ "$there" != "$want" ]; then
        problem master_list error "the DC/OS here was installed for the masters $there, and the cluster file has $want" \
            "restore the masters in the cluster file: they cannot be changed once DC/OS is installed"
    fi
fi
flag=/etc/mesosphere/setup-flags/repository-url
ours=http://${PX_ADDRESSES_BOOTSTRAP%% *}:$PX_SETTING_BOOTSTRAP_PORT
if [ -r "$flag" ]; then
    theirs=
    read -r theirs <"$flag"
    if [ -n "$theirs" ] && [ "$theirs" != "$ours" ]; then
        problem foreign_cluster error "the DC/OS on this host is of another cluster: it was installed from $theirs, and this one's bootstrap node is $ours" \
            "correct the bootstrap node or its port in the cluster file, or take another host"
    fi
fi
if [ "${PX_FACT_DCOS_STATE:-none}" = half ]; then
    if [ "$PX_REPAIR" = yes ]; then
        problem half_installed note "an installation of DC/OS was cut short here" \
            "what it left is removed, as \`--repair\` says"
    else
        problem half_installed error "an installation of DC/OS was cut short here, and its installer refuses such a host" \
            "\`phalanx install --repair\` removes /opt/mesosphere, /etc/mesosphere and dcos.target, and begins anew here"
    fi
fi

# What the installation would end: it restarts Docker. Of a bootstrap node's only where that is not as
# it has to be, which its turn shows.
if [ "$PX_ROLE" != bootstrap ] && [ "${PX_FACT_DCOS_STATE:-none}" != installed ] && [ "${PX_FACT_DOCKER_VERSION:-none}" != none ]; then
    running=$(docker ps -q 2>/dev/null | wc -l)
    if [ "$running" -gt 0 ]; then
        problem containers error "$running containers run here, and the installation of DC/OS restarts Docker" \
            "move them to another host, or stop them: docker stop \$(docker ps -q)"
    fi
fi

# Ports. The installer's own check misses most of them: it looks for hexadecimal digits in the wrong
# case. What is in the way now and is taken away by this installation does not count.
ports=
case $PX_ROLE/${PX_FACT_DCOS_STATE:-none} in
bootstrap/*) ports="$PX_SETTING_BOOTSTRAP_PORT 9000" ;;
*/installed) ;;
master/*) ports='53 80 443 1050 2181 2888 3888 5050 7070 8080 8101 8123 8181 9000 9942 9990 15055 33107 36771 41281 42819 43911 46839 61053 61420 61421 62053 62080' ;;
*) ports='53 5051 34451 39851 43995 61001 61420 61421 62053 62080' ;;
esac
# The process of dnsmasq.service, which is turned off; libvirt's and NetworkManager's are others.
dnsmasq=$(systemctl show -p MainPID dnsmasq.service 2>/dev/null)
dnsmasq=${dnsmasq#MainPID=}
case $dnsmasq in '' | *[!0-9]*) dnsmasq=0 ;; esac
if [ "$dnsmasq" -gt 0 ] && awk '
    $1 == "nameserver" { if ($2 ~ /^(127\.|::1$)/) own = 1; else others = 1 }
    END { exit !(own && !others) }' /etc/resolv.conf 2>/dev/null; then
    problem local_resolver error "this host asks nobody but its own dnsmasq for names, which has to be turned off" \
        "name a server in /etc/resolv.conf that other hosts reach as well"
fi
if [ -n "$ports" ] && have ss; then
    in_use=
    while read -r _ _ _ _ here _ process; do
        port=${here##*:}
        case " $ports " in
        *" $port "*) ;;
        *) continue ;;
        esac
        # users:(("name",pid=7,fd=3)), and with iproute 3.10 (("name",7,3)).
        name=${process#*\"}
        name=${name%%\"*}
        number=${process#*\",}
        number=${number#pid=}
        number=${number%%[!0-9]*}
        # The web server of the bootstrap node, which is looked at when it is its turn; and what the
        # half-installed DC/OS runs, or prepare turns off. Docker 1.11's proxy is Docker itself, and is
        # called exe.
        case $PX_ROLE/$name in
        bootstrap/exe | bootstrap/docker-proxy)
            if { tr '\0' ' ' <"/proc/${number:-0}/cmdline"; } 2>/dev/null | grep -q docker-proxy; then continue; fi
            ;;
        */dnsmasq)
            if [ "${number:-none}" = "$dnsmasq" ]; then continue; fi
            ;;
        esac
        if [ "${PX_FACT_DCOS_STATE:-none}" = half ] && [ "$PX_REPAIR" = yes ]; then continue; fi
        case ", $in_use" in
        *", $port "*) ;;
        *) in_use="$in_use${in_use:+, }$port (${name:-unknown}${number:+, process $number})" ;;
        esac
    done <<END
$(ss -lntup)
END
    if [ -n "$in_use" ]; then
        problem ports error "ports that a $PX_ROLE needs are in use: $in_use" \
            "stop what listens there; \`ss -lntup\` on the host shows it"
    fi
fi

# Whether what has to be fetched can be fetched. Nobody is asked where nothing is missing.
if [ -n "${PX_SETTING_HTTPS_PROXY:-}" ]; then export https_proxy="$PX_SETTING_HTTPS_PROXY"; fi
if [ -n "${PX_SETTING_HTTP_PROXY:-}" ]; then export http_proxy="$PX_SETTING_HTTP_PROXY"; fi
if [ -n "${PX_SETTING_NO_PROXY:-}" ]; then export no_proxy="$PX_SETTING_NO_PROXY"; fi
# What yum fetches goes by yum's own proxy, where it has one.
yum_proxy=
# fetch URL: true where its beginning can be had; else `why` says why not.
fetch() {
    # shellcheck disable=SC2086
    why=$(curl -fsSL ${yum_proxy:+-x $yum_proxy} -r 0-0 --connect-timeout 5 -m 15 -o /dev/null "$1" 2>&1) && return 0
    # file: addresses of an empty file, and servers that know no ranges, are fine with all of it.
    case $1 in file:*) [ -r "${1#file://}" ] && return 0 ;; esac
    return 1
}
if have curl; then
    if [ -z "${PX_SETTING_HTTP_PROXY:-}" ] && [ -r /etc/yum.conf ]; then
        yum_proxy=$(sed -n 's/^proxy *= *\([^ ]*\).*/\1/p' /etc/yum.conf)
        [ "$yum_proxy" != _none_ ] || yum_proxy=
    fi
    if [ "${PX_FACT_DOCKER_VERSION:-none}" = none ]; then
        repo=$(printf '%s\n' "${PX_SETTING_DOCKER_REPO_URL%/}" |
            sed "s/\$releasever/${PX_FACT_OS_VERSION%%.*}/g; s/\$basearch/${PX_FACT_ARCH:-x86_64}/g")
        if ! fetch "$repo/repodata/repomd.xml"; then
            problem docker_repo error "Docker is to be installed here, and its repository, $repo, does not answer: $why" \
                "Docker's repository of 2017 was closed in 2020: set \`docker_repo_url\` and \`docker_repo_key\` to a mirror that has $PX_SETTING_DOCKER_PACKAGE, or install Docker 1.9 to 1.11 by hand"
        fi
    fi
    lacking=
    for tool in tar bash ping xz unzip ipset; do
        case $PX_ROLE/$tool in
        bootstrap/tar | [!b]*/*) have "$tool" || lacking="$lacking $tool" ;;
        esac
    done
    if [ -n "$lacking" ]; then
        # Every repository that yum would ask. One with a client's certificate is let pass: it answers
        # nobody else.
        dead=$(awk -v version="${PX_FACT_OS_VERSION%%.*}" -v arch="${PX_FACT_ARCH:-x86_64}" '
            function tell(gone) {
                if (enabled && !sealed && url != "") {
                    gsub(/\$releasever/, version, url); gsub(/\$basearch/, arch, url)
                    gsub(/\$infra/, "stock", url); gsub(/\$contentdir/, "centos", url)
                    # Variables of the operator are known to yum only.
                    if (url !~ /\$/) print name, url
                }
                enabled = 1; sealed = 0; url = ""
            }
            /^\[/ { tell(); name = $0; gsub(/[][]/, "", name) }
            { line = $0; sub(/^[^=]*= */, "", line); split(line, words, /[ ,]+/) }
            /^enabled *=/ { enabled = tolower(line) ~ /^(1|yes|true|on)/ }
            /^(sslclientcert|proxy) *=/ { sealed = 1 }
            /^skip_if_unavailable *=/ { if (tolower(line) ~ /^(1|yes|true|on)/) sealed = 1 }
            /^baseurl *=/ { url = words[1]; sub(/\/$/, "", url); url = url "/repodata/repomd.xml" }
            /^(mirrorlist|metalink) *=/ { if (url == "") url = words[1] }
            END { tell() }
        ' /etc/yum.repos.d/*.repo 2>/dev/null | {
            dead=
            while read -r name url; do
                fetch "$url" || dead="$dead${dead:+; }$name, $url: $why"
            done
            printf '%s' "$dead"
        })
        if [ -n "$dead" ]; then
            problem yum_repos error "not installed here:$lacking, and yum's repositories do not answer: $dead" \
                "CentOS 7's mirrors have moved to vault.centos.org: correct /etc/yum.repos.d, or disable what is gone"
        fi
    fi
    yum_proxy=
    if [ "$PX_ROLE" = bootstrap ]; then
        # What is uploaded is on its way with the step that needs it; what came from there is here.
        url=${PX_SETTING_DOWNLOAD_URL:-${PX_RELEASE_URL:-}}
        [ -z "${PX_SETTING_DOWNLOAD_FILE:-}" ] || url=
        origin=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/installer.origin
        if [ -n "$url" ] && [ -r "$origin" ]; then
            read -r before <"$origin"
            case $before in "from $url, "* | "from $url "*) url= ;; esac
        fi
        case $url in
        http*)
            if ! fetch "$url"; then
                problem installer error "the installer cannot be fetched from $url: $why" \
                    "set \`download_url\` to a server or a path of this host that has it, or \`download_file\` to a file of your machine"
            fi
            ;;
        file://* | /*)
            if [ ! -r "${url#file://}" ]; then
                problem installer error "there is no installer at ${url#file://} on this host" \
                    "copy it there, or correct \`download_url\`"
            fi
            ;;
        esac
    fi
fi

for unit in iptables ip6tables; do
    if [ -e "/usr/lib/systemd/system/$unit.service" ] && systemctl is-active --quiet "$unit.service"; then
        problem iptables warning "$unit.service filters packets here; DC/OS wants its hosts open to each other" \
            "systemctl disable $unit; systemctl stop $unit, or see that its rules let the cluster's hosts through"
    fi
done

# What has to lie on the bootstrap node, and room for what it makes.
if [ "$PX_ROLE" = bootstrap ]; then
    for file in "${PX_SETTING_NGINX_ARCHIVE:-}" "$PX_SETTING_IP_DETECT"; do
        case $file in
        /*)
            if [ ! -r "$file" ]; then
                problem files error "there is no file $file on the bootstrap node" \
                    "copy it there, or correct \`nginx_archive\` and \`ip_detect\`"
            fi
            ;;
        esac
    done
    folder=$PX_SETTING_BOOTSTRAP_FOLDER
    if [ ! -e "$folder/$PX_RELEASE/generated.from" ]; then
        while [ ! -d "$folder" ]; do folder=${folder%/*}/; folder=${folder%/}; folder=${folder:-/}; done
        free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
        if [ "${free:-0}" -lt $((3 * 1024 * 1024)) ]; then
            problem bootstrap_space error "$folder has $((${free:-0} / 1024)) MB free, and the installer and what it makes need 3 GB" \
                "free some space, or set \`bootstrap_folder\`"
        fi
    fi
fi

# Packets between the hosts. That nobody listens yet is no matter: a refusal has come all the way. Only
# silence is a wall.
targets=
if [ "$PX_ROLE" != bootstrap ] && [ "${PX_FACT_DCOS_STATE:-none}" != installed ] && have bash; then
    targets="${PX_ADDRESSES_BOOTSTRAP%% *}:$PX_SETTING_BOOTSTRAP_PORT"
    case $PX_ROLE in
    master) open='2181 2888 3888 5050 8181' ;;
    *) open='2181 5050' ;;
    esac
    for master in $PX_ADDRESSES_MASTER; do
        [ "$master" != "$PX_PRIVATE_ADDRESS" ] || continue
        for port in $open; do
            targets="$targets $master:$port"
        done
    done
    # An agent's services ping the masters before they start, and try again until one answers. Where `ping` is
    # one of the tools that are still to be installed, nobody can tell yet.
    case $PX_ROLE in
    private | public)
        if have ping; then
            for master in $PX_ADDRESSES_MASTER; do targets="$targets $master:ping"; done
        fi
        ;;
    esac
    # All at the same time. Who has not answered in three seconds is not in the list. Of ping's statuses 1 says
    # that nothing came back; with any other it could not even ask, which says nothing of the way.
    # shellcheck disable=SC2086,SC2016
    answered=$(timeout 3 bash -c '
        for target; do
            case $target in
            *:ping)
                {
                    ping -n -c 1 -W 1 "${target%:*}" >/dev/null 2>&1
                    [ $? -ne 1 ] || ping -n -c 1 -W 1 "${target%:*}" >/dev/null 2>&1
                    [ $? -eq 1 ] || echo "$target"
                } &
                ;;
            *) { (exec 3<>"/dev/tcp/${target%:*}/${target#*:}") 2>/dev/null; echo "$target"; } & ;;
            esac
        done
        wait' bash $targets)
    silent=
    deaf=
    for target in $targets; do
        case "
$answered
/$target" in
        *"
$target
"*) ;;
        */*:ping) deaf="$deaf${deaf:+, }${target%:*}" ;;
        *) silent="$silent${silent:+, }${target%:*} port ${target#*:}" ;;
        esac
    done
    if [ -n "$silent" ]; then
        problem firewall error "nothing comes back within 3 s from $silent" \
            "let the cluster's hosts through to each other: a security group or a firewall between them swallows the packets"
    fi
    if [ -n "$deaf" ]; then
        problem ping error "no answer comes back to a ping of the masters $deaf, and DC/OS's services on an agent start only when a master answers one" \
            "let ICMP through between the cluster's hosts: a security group or a firewall between them swallows it"
    fi
fi

# On the bootstrap node: with which salt the superuser's password is hashed there. The controller hashes it
# with the same one, and the hash stays what it is while the password does.
config=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/genconf/config.yaml
if [ "$PX_ROLE" = bootstrap ] && [ "$PX_SETTING_ENTERPRISE" = true ] && [ -r "$config" ]; then
    while read -r name value; do
        if [ "$name" = superuser_password_hash: ]; then
            value=${value#\'}
            # All but its last part, which is the hash itself.
            fact superuser_salt "${value%\$*}"
        fi
    done <"$config"
fi

# On the bootstrap node: the name servers that DC/OS is to ask. What it was given before is kept as long
# as all of it answers.
if [ "$PX_ROLE" = bootstrap ] && [ -z "${PX_SETTING_RESOLVERS:-}" ] && have bash; then
    # asks ADDRESS...: those that answer a question for the root's name servers within two seconds.
    asks() {
        # shellcheck disable=SC2016
        timeout 2 bash -c '
            for server; do
                {
                    exec 3<>"/dev/udp/$server/53"
                    printf "\020\001\001\000\000\001\000\000\000\000\000\000\000\000\002\000\001" >&3
                    [ -z "$(head -c 12 <&3 | tr -d "\000")" ] || echo "$server"
                } 2>/dev/null &
            done
            wait' bash "$@" | tr '\n' ' '
    }
    before=
    if [ -r "$config" ]; then
        inside=no
        while read -r line; do
            case $inside/$line in
            no/resolvers:) inside=yes ;;
            yes/'- '*) before="$before${before:+ }${line#- }" ;;
            yes/*) inside=no ;;
            esac
        done <"$config"
    fi
    if [ -n "$before" ] && [ "$before" != "${PX_FACT_FOUND_RESOLVERS:-}" ]; then
        # shellcheck disable=SC2086
        alive=$(asks $before)
        kept=yes
        for server in $before; do
            case " $alive" in
            *" $server "*) ;;
            *) kept=no ;;
            esac
        done
        [ "$kept" = no ] || fact found_resolvers "$before"
    elif [ -n "${PX_FACT_FOUND_RESOLVERS:-}" ]; then
        # shellcheck disable=SC2086
        alive=" $(asks $PX_FACT_FOUND_RESOLVERS)"
        dumb=
        for server in $PX_FACT_FOUND_RESOLVERS; do
            case $alive in
            *" $server "*) ;;
            *) dumb="$dumb${dumb:+, }$server" ;;
            esac
        done
        if [ -n "$dumb" ]; then
            problem resolvers warning "of this host's name servers, these do not answer: $dumb; DC/OS is given them all the same" \
                "correct /etc/resolv.conf on the bootstrap node, or set \`resolvers\`"
        fi
    fi
fi

already "looked at everything"
