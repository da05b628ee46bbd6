#!/bin/sh
# What DC/OS asks of a host, but for Docker: tools, the overlay module, SELinux, no firewalld and no
# dnsmasq, the group nogroup, a time service. Says whether the host has to be rebooted, and why.
set -u

have() {
    command -v "$1" >/dev/null 2>&1
}

fail() {
    echo "$1" >&2
    exit 1
}

# Units: which of them run, are started at boot, or are installed at all. All in one question.
running=
enabled=
installed=
unit='' load='' active='' file=''
# A blank line ends a unit.
while IFS='=' read -r name value; do
    case $name in
    Id) unit=${value%.service} ;;
    LoadState) load=$value ;;
    ActiveState) active=$value ;;
    UnitFileState) file=$value ;;
    '')
        [ "$load" != loaded ] || installed="$installed $unit "
        case $active in active | activating | reloading) running="$running $unit " ;; esac
        [ "$file" != enabled ] || enabled="$enabled $unit "
        unit='' load='' active='' file=''
        ;;
    esac
done <<END
$(systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState \
    firewalld.service dnsmasq.service chronyd.service ntpd.service systemd-timesyncd.service)

END

is() {
    case $2 in *" $1 "*) return 0 ;; esac
    return 1
}

# firewalld would throw away what Docker tells the kernel's packet filter; dnsmasq sits on port 53.
unwanted=
for unit in firewalld dnsmasq; do
    if is "$unit" "$running" || is "$unit" "$enabled"; then
        unwanted="$unwanted $unit"
    fi
done
if [ -n "$unwanted" ]; then
    # shellcheck disable=SC2086
    if ! systemctl stop $unwanted || ! systemctl disable $unwanted; then
        fail "could not turn off$unwanted"
    fi
    changed "turned off$unwanted"
else
    already "no firewalld, no dnsmasq"
fi

# Tools by the package that has them. A bootstrap node runs nothing of DC/OS.
missing=
tool_of() {
    have "$1" || missing="$missing $2"
}
tool_of curl curl
tool_of tar tar
if [ "$PX_ROLE" != bootstrap ]; then
    tool_of bash bash
    tool_of ping iputils
    tool_of xz xz
    tool_of unzip unzip
    tool_of ipset ipset
fi
# Time. In a container the clock is that of the machine around it, and cannot be set.
time_service=
if [ "$PX_SETTING_TIME_SYNC" = off ]; then
    already "time is left alone, as \`time_sync: off\` says"
elif [ -e /run/systemd/container ]; then
    already "the clock is kept by the machine around this container"
else
    for unit in chronyd ntpd systemd-timesyncd; do
        if is "$unit" "$running"; then
            time_service=running
            keeper=$unit
            already "$unit keeps the time"
            break
        fi
    done
    if [ -z "$time_service" ]; then
        for unit in chronyd ntpd systemd-timesyncd; do
            if is "$unit" "$installed"; then
                time_service=$unit
                break
            fi
        done
    fi
    if [ -z "$time_service" ]; then
        missing="$missing chrony"
        time_service=chronyd
    fi
fi
if [ -n "${PX_SETTING_HTTPS_PROXY:-}" ]; then export https_proxy="$PX_SETTING_HTTPS_PROXY"; fi
if [ -n "${PX_SETTING_HTTP_PROXY:-}" ]; then export http_proxy="$PX_SETTING_HTTP_PROXY"; fi
if [ -n "${PX_SETTING_NO_PROXY:-}" ]; then export no_proxy="$PX_SETTING_NO_PROXY"; fi
if [ -n "$missing" ]; then
    echo "installing$missing"
    # shellcheck disable=SC2086
    yum -y install $missing || fail "yum could not install$missing"
    changed "installed$missing"
    # yum ends well where one of several packages is not known to it.
    wanted=$missing
    missing=
    for package in $wanted; do
        case $package in
        iputils) tool_of ping "$package" ;;
        chrony) [ -e /usr/lib/systemd/system/chronyd.service ] || missing="$missing chrony" ;;
        *) tool_of "$package" "$package" ;;
        esac
    done
    if [ -n "$missing" ]; then
        problem packages error "yum's repositories have no$missing" \
            "give this host a repository that has them (yum repolist), or install them by hand"
        exit 1
    fi
else
    already "all tools are there"
fi
case $time_service in
'' | running) ;;
*)
    if ! systemctl enable "$time_service" || ! systemctl start "$time_service"; then
        fail "could not start $time_service"
    fi
    changed "started $time_service"
    ;;
esac

# Running is not enough: until the kernel is told that its clock is right, DC/OS's services wait.
if [ -n "$time_service" ]; then
    [ "$time_service" = running ] || keeper=$time_service
    tries=0
    until timedatectl status | grep -qE '^ *(NTP|System clock) synchronized: yes'; do
        tries=$((tries + 1))
        # ntpd without iburst needs minutes.
        if [ "$tries" -gt 300 ]; then
            if [ "$keeper" = chronyd ] && [ -r /etc/chrony.conf ] && ! grep -q '^rtcsync' /etc/chrony.conf; then
                problem time_sync error "chronyd does not tell the kernel that the clock is synchronised" \
                    "add the line \`rtcsync\` to /etc/chrony.conf, and restart chronyd"
                exit 1
            fi
            problem time_sync error "the clock is not synchronised: $keeper has found no server within five minutes" \
                "give it servers that this host reaches (chronyc sources, ntpq -p), or set \`time_sync: off\` where something else keeps the time"
            exit 1
        fi
        sleep 1
    done
    already "the clock is synchronised"
fi

# The locale: DC/OS's tools stumble over names that are not ASCII where it is not one of UTF-8.
if [ "$PX_SETTING_LOCALE" != keep ]; then
    conf=/etc/locale.conf
    lang=
    if [ -r "$conf" ]; then
        while IFS='=' read -r name value; do
            [ "$name" != LANG ] || lang=$value
        done <"$conf"
    fi
    case $lang in
    *.[Uu][Tt][Ff]-8* | *.[Uu][Tt][Ff]8*) already "the locale is $lang" ;;
    *)
        if [ -n "$lang" ]; then
            sed -i --follow-symlinks "s/^LANG=.*/LANG=$PX_SETTING_LOCALE/" "$conf"
        else
            echo "LANG=$PX_SETTING_LOCALE" >>"$conf"
        fi || fail "could not write $conf"
        changed "set the locale to $PX_SETTING_LOCALE in $conf, from ${lang:-none}"
        ;;
    esac
fi

# The overlay file system, now and after every boot.
conf=/etc/modules-load.d/overlay.conf
if [ -r "$conf" ] && grep -qx overlay "$conf"; then
    already "overlay is loaded at boot"
else
    if ! mkdir -p /etc/modules-load.d || ! echo overlay >"$conf.new" || ! mv "$conf.new" "$conf"; then
        fail "could not write $conf"
    fi
    changed "overlay is loaded at boot"
fi
if ! grep -qw overlay /proc/filesystems; then
    if ! modprobe overlay; then
        problem overlay error "the kernel, $(uname -r), cannot load its module overlay" \
            "install a kernel that has it: 3.10.0-327 or later of RHEL or CentOS 7"
        exit 1
    fi
    changed "loaded overlay"
fi

if getent group nogroup >/dev/null; then
    already "the group nogroup is there"
else
    groupadd nogroup || fail "could not add the group nogroup"
    changed "added the group nogroup"
fi

reboot_reason=none

# SELinux. Its configuration is read at boot; only `permissive` can be had at once.
wanted=$PX_SETTING_SELINUX
mode=Disabled
if have getenforce; then
    mode=$(getenforce) || fail "getenforce does not say how SELinux is set"
fi
conf=/etc/selinux/config
if [ -e "$conf" ]; then
    setting=
    while IFS='=' read -r name value; do
        [ "$name" != SELINUX ] || setting=$value
    done <"$conf"
    case $setting/$wanted in
    disabled/* | permissive/permissive) already "SELinux is set to $setting" ;;
    */*)
        if [ -n "$setting" ]; then
            sed -i --follow-symlinks "s/^SELINUX=.*/SELINUX=$wanted/" "$conf"
        else
            echo "SELINUX=$wanted" >>"$conf"
        fi || fail "could not write $conf"
        changed "set SELinux to $wanted in $conf, from ${setting:-no value}"
        ;;
    esac
fi
case $mode/$wanted in
Disabled/* | Permissive/permissive) ;;
Enforcing/permissive)
    setenforce 0 || fail "could not make SELinux permissive"
    changed "made SELinux permissive"
    ;;
*) reboot_reason="SELinux is ${mode} until a reboot" ;;
esac

# A newer kernel, installed but not running. The one that the boot loader takes counts: any other
# would not be there after the reboot either.
if [ "$reboot_reason" = none ] && [ ! -e /run/systemd/container ] && have grubby; then
    next=$(grubby --default-kernel 2>/dev/null)
    running=$(uname -r)
    case $next in
    '' | */vmlinuz-"$running") ;;
    */vmlinuz-*) reboot_reason="the next kernel is ${next##*/vmlinuz-}, and $running runs" ;;
    esac
fi

# Where DC/OS runs nothing is rebooted: that would be all masters at once.
if [ "$reboot_reason" != none ] && [ "${PX_FACT_DCOS_STATE:-none}" = installed ]; then
    problem reboot warning "$reboot_reason, and DC/OS runs here, so this host is not rebooted" \
        "reboot the cluster's hosts one after the other when it suits you"
    reboot_reason=none
fi
fact reboot_reason "$reboot_reason"
if [ "$reboot_reason" = none ]; then
    fact reboot_needed false
else
    echo "reboot needed: $reboot_reason"
    fact reboot_needed true
fi
