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
# Sets `odd` to the first of the words $1 that is none of $2, cut to what can be read; empty where
# there is none.
odd_one() {
    odd=
    for word in $1; do
        case " $2 " in
        *" $word "*) continue ;;
        esac
        odd=$word
        end=${word#*--setup_????????}
        [ "$end" = "$word" ] || odd=${word%"$end"}
        return
    done
}
# DC/OS has no way to give an installed node another configuration. Where the bootstrap node has made
# another one since, that is told.
compare_configuration() {
    made=none
    while read -r _ packages; do
        made=${packages:-$made}
    done <<END
$(px_facts cluster_packages)
END
    file=/etc/mesosphere/setup-flags/cluster-packages.json
    if [ "$made" = none ] || [ ! -r "$file" ]; then
        return
    fi
    # ["dcos-config--setup_e0c8...", "dcos-metadata--setup_e0c8..."]
    here=
    while read -r line || [ -n "$line" ]; do
        here="$here $line"
    done <"$file"
    before=$IFS
    IFS='"[], '
    set -f
    # shellcheck disable=SC2086
    set -- $here
    set +f
    IFS=$before
    here=$*
    odd_one "$here" "$made"
    old=$odd
    odd_one "$made" "$here"
    if [ -n "$old$odd" ]; then
        problem configuration warning \
            "DC/OS keeps the configuration here that it was installed with, ${old:-none}; the bootstrap node has made another one since, ${odd:-none}" \
            "DC/OS $PX_RELEASE cannot change it in place: take the change of the settings back and run \`phalanx install\`, or remove DC/OS from this node and install it anew"
    fi
}

if [ -e "/etc/mesosphere/roles/$role" ]; then
    states
    if [ -n "$version" ] && [ "$target" = active ] && [ "$setup" != activating ]; then
        compare_configuration
        already "DC/OS $version is installed as $role"
        exit 0
    fi
    # Setting up acts only where its mark is, and takes it away at its end: what is stopped now was
    # whole once, and is started by its target alone.
    if [ -n "$version" ] && [ ! -e /opt/mesosphere/bootstrap ] && [ "$setup" != activating ]; then
        echo "DC/OS is installed here, and dcos.target is $target: starting it"
        systemctl start dcos.target
        states
        if [ "$target" != active ]; then
            journalctl -u dcos.target -u dcos-setup --no-pager -o cat -n 40
            fail "DC/OS is installed here, and dcos.target does not start: it is $target; see \`systemctl status dcos.target\`"
        fi
        compare_configuration
        changed "started DC/OS $version, which was installed as $role and did not run"
        exit 0
    fi
    # It was not brought to its end. Started at boot, it may be at it right now: then this waits for
    # it. Where all is unpacked, it goes on from there.
    if [ -n "$version" ] || [ "$setup" = activating ]; then
        echo "an installation has begun here: going on with it"
        if systemctl start dcos-setup.service && systemctl start dcos.target; then
            look
            states
            if [ "$version" = "$PX_RELEASE" ] && [ "$target" = active ]; then
                compare_configuration
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
# The scripts that are run as root here are compared with what the bootstrap node told over SSH: whoever
# sits on the way from there, or serves in its place, is found out. The list has the checksum of the other
# file. The packages that DC/OS's installer fetches by itself later are not in it.
told() {
    while read -r _ sum; do
        [ -z "$sum" ] || echo "$sum"
    done
}
install_wanted=$(px_facts install_sha256 | told)
list_wanted=$(px_facts list_sha256 | told)
if ! install_found=$(sha256sum dcos_install.sh) || ! list_found=$(sha256sum phalanx/SHA256SUMS); then
    fail "could not fetch what the bootstrap node serves, from $url"
fi
install_found=${install_found%% *}
if [ -z "$install_wanted" ] || [ -z "$list_wanted" ]; then
    problem install_sha256 warning "the bootstrap node takes no part in this run: what $url serves was compared with its own checksums only" \
        "take it along the next time: \`--on bootstrap\` beside the others"
elif [ "$install_found" != "$install_wanted" ] || [ "${list_found%% *}" != "$list_wanted" ]; then
    problem install_sha256 error "$url serves a dcos_install.sh with the SHA-256 $install_found, and the bootstrap node has made one with $install_wanted" \
        "find out what serves there: it would have been run as root; where it is the right server, \`phalanx install\` makes it anew"
    exit 1
fi
if ! sha256sum -c --quiet phalanx/SHA256SUMS; then
    problem install_sha256 error "what $url gave is not what its own checksums say" \
        "see that nothing on the way changes it, and run this again"
    exit 1
fi

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
for path in /opt/mesosphere /etc/mesosphere/roles /etc/mesosphere/setup-flags /etc/systemd/system/dcos.target \
    /etc/systemd/system/dcos.target.wants; do
    [ ! -e "$path" ] || left="$left $path"
done
if [ -n "$left" ]; then
    if [ "$PX_REPAIR" != yes ]; then
        problem half_installed error "an installation was cut short here, which left$left" \
            "\`phalanx install --repair\` removes that, and begins anew on this host"
        exit 1
    fi
    echo "an installation was cut short here: removing$left"
    # What it had started already, or is about to.
    systemctl daemon-reload
    units=
    for unit in $(systemctl list-units --all --plain --no-legend 'dcos*' | awk '$2 != "not-found" && $2 != "masked" { print $1 }'); do
        units="$units $unit"
    done
    if [ -n "$units" ]; then
        # shellcheck disable=SC2086
        systemctl stop $units || fail "could not stop$units"
        # shellcheck disable=SC2086
        systemctl reset-failed $units 2>/dev/null
    fi
    # shellcheck disable=SC2086
    rm -rf $left || fail "could not remove$left"
    systemctl daemon-reload
    changed "removed what an installation left that was cut short"
fi

# The units that it starts say what they do in the journal only. TERM: with none, and a terminal,
# the installer would fail before it begins.
began=$(date '+%Y-%m-%d %H:%M:%S')
journalctl -f -n 0 -o cat -u dcos-download -u dcos-setup &
follower=$!
{
    TERM=linux bash dcos_install.sh "$role" 2>&1
    echo $? >ended
} | tee said
status=1
[ ! -s ended ] || read -r status <ended
kill "$follower" 2>/dev/null
if [ "$status" -ne 0 ]; then
    # Where its own checks have refused the host, nothing was started.
    journal=$(journalctl -u dcos-download -u dcos-setup --since "$began" --no-pager -q -o short-precise -n 40)
    if [ -n "$journal" ]; then
        printf '%s\n' "dcos_install.sh $role ended with status $status. The end of the journal of what it started:" "$journal"
    else
        printf '%s\n' "dcos_install.sh $role refused this host with status $status:"
        grep -a 'FAIL' said
    fi
    exit 1
fi
look
if [ "$version" != "$PX_RELEASE" ]; then
    fail "dcos_install.sh ended well, but /opt/mesosphere/etc/dcos-version.json says \"$version\", not $PX_RELEASE"
fi
# The unit that wants all others; the installer has waited until it is active.
states
[ "$target" = active ] || fail "dcos_install.sh ended well, but dcos.target is $target: see \`systemctl status dcos.target\`"
changed "installed DC/OS $version as $role"
