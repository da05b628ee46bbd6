#!/bin/sh
# Installs DC/OS on a master or an agent, with the script that the bootstrap node serves. A host that
# has this release in this role is left alone; what a broken installation left is removed first.
set -u

fail() {
    echo "$1" >&2
    exit 1
}

url=http://$PX_ADDRESSES_BOOTSTRAP:$PX_SETTING_BOOTSTRAP_PORT
case $PX_ROLE in
master) role=master ;;
private) role=slave ;;
public) role=slave_public ;;
*) fail "nothing of DC/OS is installed on a $PX_ROLE" ;;
esac

# Sets `version` to what is unpacked here, empty where nothing is.
look() {
    version=
    [ -r /opt/mesosphere/etc/dcos-version.json ] || return 0
    while read -r line || [ -n "$line" ]; do
        case $line in
        *'"version"'*:*)
            line=${line#*\"version\"*:*\"}
            version=${line%%\"*}
            return 0
            ;;
        esac
    done </opt/mesosphere/etc/dcos-version.json
}

# Sets `setup` and `target`: the states of the unit that installs, and of the one that all others
# belong to, which is started last.
states() {
    setup=$(systemctl show -p ActiveState dcos-setup.service dcos.target)
    target=${setup##*ActiveState=}
    setup=${setup#ActiveState=}
    setup=${setup%%[!a-z]*}
}

other=
for file in /etc/mesosphere/roles/*; do
    case ${file##*/} in
    '*' | "$role") ;;
    *) other=${file##*/} ;;
    esac
done
if [ -n "$other" ]; then
    problem role error "DC/OS was installed here as $other, and this host is to be $role" \
        "correct the cluster file; an installed role cannot be changed in place"
    exit 1
fi

look
if [ -n "$version" ] && [ "$version" != "$PX_RELEASE" ]; then
    problem version error "DC/OS $version is installed here, and the cluster file says $PX_RELEASE" \
        "correct the release in the cluster file"
    exit 1
fi
if [ -e "/etc/mesosphere/roles/$role" ]; then
    states
    if [ -n "$version" ] && [ "$target" = active ] && [ "$setup" != activating ]; then
        already "DC/OS $version is installed as $role"
        exit 0
    fi
    # It was not brought to its end. Started at boot, it may be at it right now: then this waits for
    # it. Where all is unpacked, it goes on from there.
    if [ -n "$version" ] || [ "$setup" = activating ]; then
        echo "an installation has begun here: going on with it"
        if systemctl start dcos-setup.service; then
            look
            if [ "$version" = "$PX_RELEASE" ]; then
                changed "brought the installation of DC/OS $version as $role to its end"
                exit 0
            fi
        fi
        states
        if [ "$target" = active ]; then
            journalctl -u dcos-download -u dcos-setup --no-pager -o cat -n 40
            fail "DC/OS runs here, but its setup fails: see above, and \`systemctl status dcos-setup\`"
        fi
    fi
fi

# A folder of our own, which nobody else can write to: what is fetched there is run as root.
folder=$(mktemp -d /var/tmp/phalanx-dcos.XXXXXX) || fail "could not make a folder in /var/tmp"
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' HUP INT TERM
cd "$folder" || fail "could not change to $folder"
mkdir phalanx || fail "could not write to $folder"
curl -fsS --noproxy '*' --connect-timeout 10 -m 120 \
    -o phalanx/SHA256SUMS "$url/phalanx/SHA256SUMS" \
    -o phalanx/ip-detect "$url/phalanx/ip-detect" \
    -o dcos_install.sh "$url/dcos_install.sh"
[ -s phalanx/SHA256SUMS ] || fail "could not fetch the checksums from $url"
sha256sum -c --quiet phalanx/SHA256SUMS || fail "what $url gave is not what was generated"

# Before anything changes: what this node will be known by. A master under another address than
# those in the cluster file would wait for itself for ever.
address=$(bash phalanx/ip-detect)
status=$?
case $status/$address in
0/*[!0-9.]* | 0/ | [!0]*)
    problem ip_detect error "ip-detect prints \"$address\" here and ends with status $status, instead of one IPv4 address" \
        "set \`ip_detect\` to what suits these hosts: ec2, route, or a script of your own"
    exit 1
    ;;
esac
if [ "$PX_ROLE" = master ]; then
    case " $PX_ADDRESSES_MASTER " in
    *" $address "*) ;;
    *)
        problem master_address error \
            "this master's private address is $address, and the cluster file has the masters at $PX_ADDRESSES_MASTER" \
            "write $address as a master's private address, or another host's address for this one"
        exit 1
        ;;
    esac
fi
echo "this node's address is $address"

# The installer refuses a host where any of this is.
left=
for path in /opt/mesosphere /etc/mesosphere /etc/systemd/system/dcos.target \
    /etc/systemd/system/dcos.target.wants; do
    [ ! -e "$path" ] || left="$left $path"
done
if [ -n "$left" ]; then
    echo "an installation was cut short here: removing$left"
    systemctl stop dcos-setup.service dcos-download.service 2>/dev/null
    # shellcheck disable=SC2086
    rm -rf $left || fail "could not remove$left"
    systemctl daemon-reload
    changed "removed what an installation left that was cut short"
fi

# The units that it starts say what they do in the journal only. TERM: with none, and a terminal,
# the installer would fail before it begins.
journalctl -f -n 0 -o cat -u dcos-download -u dcos-setup &
follower=$!
TERM=linux bash dcos_install.sh "$role"
status=$?
kill "$follower" 2>/dev/null
if [ "$status" -ne 0 ]; then
    echo "dcos_install.sh $role ended with status $status. The end of the journal of what it started:"
    journalctl -u dcos-download -u dcos-setup --no-pager -o short-precise -n 40
    exit 1
fi
look
if [ "$version" != "$PX_RELEASE" ]; then
    fail "dcos_install.sh ended well, but /opt/mesosphere/etc/dcos-version.json says \"$version\", not $PX_RELEASE"
fi
changed "installed DC/OS $version as $role"
