#!/bin/sh
# Docker, as DC/OS wants it: 1.9 to 1.11, with the overlay storage driver, started at boot.
# What is right already is neither written nor restarted.
set -u

fail() {
    echo "$1" >&2
    exit 1
}

repo=/etc/yum.repos.d/dcos-docker.repo
conf=/etc/systemd/system/docker.service.d/override.conf
if [ -n "${PX_SETTING_HTTPS_PROXY:-}" ]; then export https_proxy="$PX_SETTING_HTTPS_PROXY"; fi
if [ -n "${PX_SETTING_HTTP_PROXY:-}" ]; then export http_proxy="$PX_SETTING_HTTP_PROXY"; fi
if [ -n "${PX_SETTING_NO_PROXY:-}" ]; then export no_proxy="$PX_SETTING_NO_PROXY"; fi
# The client tells its version without a running daemon.
version=none
if command -v docker >/dev/null 2>&1; then
    version=$(docker --version) || fail "\`docker --version\` failed"
    version=${version#Docker version }
    version=${version%%[, ]*}
fi

# The repository is off but for this: the next \`yum update\` would bring a Docker that is too new.
if [ "$version" = none ]; then
    wanted_repo="[dcos-docker]
name=Docker for DC/OS
baseurl=$PX_SETTING_DOCKER_REPO_URL
enabled=0
gpgcheck=1
gpgkey=$PX_SETTING_DOCKER_REPO_KEY"
    if [ ! -e "$repo" ] || [ "$(cat "$repo")" != "$wanted_repo" ]; then
        if ! printf '%s\n' "$wanted_repo" >"$repo.new" || ! mv "$repo.new" "$repo"; then
            fail "could not write $repo"
        fi
        changed "wrote $repo"
    fi
    if ! yum -y --enablerepo=dcos-docker install "$PX_SETTING_DOCKER_PACKAGE"; then
        echo "yum could not install $PX_SETTING_DOCKER_PACKAGE from $PX_SETTING_DOCKER_REPO_URL" >&2
        fail "where that repository is gone, set \`docker_repo_url\` and \`docker_repo_key\` to one that has it"
    fi
    changed "installed $PX_SETTING_DOCKER_PACKAGE"
    version=$(docker --version) || fail "$PX_SETTING_DOCKER_PACKAGE is installed, but \`docker --version\` failed"
    version=${version#Docker version }
    version=${version%%[, ]*}
else
    already "Docker $version is installed"
fi
case $version in
1.9.* | 1.10.* | 1.11.*) ;;
*)
    problem docker error "Docker $version is installed, and DC/OS $PX_RELEASE works with 1.9 to 1.11" \
        "remove it (yum remove docker\\*), and $PX_SETTING_DOCKER_PACKAGE is installed in its place; its containers and images are lost"
    exit 1
    ;;
esac

# As DC/OS's own installer writes it. Docker's package brings a socket, the distributions' ones do not.
listen=unix:///var/run/docker.sock
for socket in /usr/lib/systemd/system/docker.socket /etc/systemd/system/docker.socket; do
    [ ! -e "$socket" ] || listen=fd://
done
wanted="[Service]
Restart=always
StartLimitInterval=0
RestartSec=15
ExecStartPre=-/sbin/ip link del docker0
ExecStart=
ExecStart=/usr/bin/docker daemon --storage-driver=overlay -H $listen"
# The daemon fetches images by itself, and is told by its unit.
if [ -n "${PX_SETTING_HTTPS_PROXY:-}${PX_SETTING_HTTP_PROXY:-}" ]; then
    wanted="$wanted
Environment=\"HTTP_PROXY=${PX_SETTING_HTTP_PROXY:-}\" \"HTTPS_PROXY=${PX_SETTING_HTTPS_PROXY:-}\" \"NO_PROXY=${PX_SETTING_NO_PROXY:-}\""
fi

if [ -e "$conf" ] && [ "$(cat "$conf")" = "$wanted" ]; then
    already "$conf is right"
else
    # One of the operator's own is kept beside it.
    if [ -e "$conf" ] && [ ! -e "$conf.before-dcos" ]; then cp -p "$conf" "$conf.before-dcos"; fi
    if ! mkdir -p "${conf%/*}" || ! printf '%s\n' "$wanted" >"$conf.new" || ! mv "$conf.new" "$conf"; then
        fail "could not write $conf"
    fi
    changed "wrote $conf"
    rewritten=yes
fi

# What systemd knows of it. This run may come after one that was cut short anywhere: what is so
# counts, not what was done just now.
active=inactive
file=disabled
stale=no
while IFS='=' read -r name value; do
    case $name in
    ActiveState) active=$value ;;
    UnitFileState) file=$value ;;
    NeedDaemonReload) stale=$value ;;
    esac
done <<END
$(systemctl show -p ActiveState -p UnitFileState -p NeedDaemonReload docker.service)
END
stale=${rewritten:-$stale}
if [ "$stale" = yes ] || [ "$active" != active ]; then
    systemctl daemon-reload || fail "systemctl daemon-reload failed"
fi
if [ "$file" = enabled ]; then
    already "Docker is started at boot"
else
    systemctl enable docker || fail "could not have Docker started at boot"
    changed "Docker is started at boot"
fi

# What the daemon says of itself: sets driver and containers.
ask() {
    driver=
    containers=0
    info=$(docker info 2>/dev/null) || return 1
    while read -r line; do
        case $line in
        'Storage Driver: '*) driver=${line#*: } ;;
        # 1.9 tells no more than all of them.
        'Containers: '* | 'Running: '*) containers=${line#*: } ;;
        esac
    done <<END
$info
END
}

# firewalld, when it was stopped, has taken Docker's rules with it: containers cannot be published then.
if [ "$active" = active ] && command -v iptables >/dev/null 2>&1 && ! iptables -t nat -n -L DOCKER >/dev/null 2>&1; then
    stale=yes
fi
if [ "$active" = active ] && ask && [ "$stale" = no ]; then
    case $driver in
    overlay*)
        already "Docker runs with $driver"
        exit 0
        ;;
    esac
fi
if [ "$active" != active ]; then
    action=start
else
    # The configuration is not the one that it was started with. A bootstrap node's web server
    # comes back by itself.
    action=restart
    if [ "$PX_ROLE" = bootstrap ] && [ "${containers:-0}" -gt 0 ]; then
        containers=$(docker ps --format '{{.Names}}' | grep -cvx dcos-bootstrap-nginx)
    fi
    if [ "${containers:-0}" -gt 0 ]; then
        problem docker_restart error \
            "Docker has to be restarted with another configuration, and $containers containers run on this host" \
            "stop them (docker stop), and run this again"
        exit 1
    fi
fi
if ! systemctl "$action" docker; then
    systemctl status docker --no-pager -l -n 20
    fail "could not $action Docker"
fi
changed "${action}ed Docker"
ask || fail "Docker was ${action}ed, but \`docker info\` failed"
case $driver in
overlay*) ;;
*)
    problem docker_storage error "Docker runs with the storage driver ${driver:-unknown}, and DC/OS wants overlay" \
        "look at \`journalctl -u docker\` on this host; /var/lib/docker has to be on ext4, or on XFS with ftype=1"
    exit 1
    ;;
esac
