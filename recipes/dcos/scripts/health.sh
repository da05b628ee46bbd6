#!/bin/sh
# Whether this node is healthy, as far as its stage can tell; the last line says what is missing.
#   quorum, on masters: Exhibitor serves on all of them, one of them leads, and where Mesos leads it
#                       has its registry back
#   verify, on masters: that, and where Mesos leads, the agents of this run are registered in their roles
#           on agents:  it is registered with the masters
#   verify, everywhere: the release is the one of the cluster file
# Every node is asked for its own part, so that nobody has to be reached from anywhere else.
set -u

newline='
'

# Mesos listens at the address that ip-detect found.
address=${PX_FACT_DETECTED_ADDRESS:-none}
if [ "$address" = none ] && [ -x /opt/mesosphere/bin/detect_ip ]; then
    address=$(/opt/mesosphere/bin/detect_ip) || address=none
fi
[ "$address" != none ] || address=$PX_PRIVATE_ADDRESS

if [ "$PX_STAGE" = verify ]; then
    version=none
    if [ -r /opt/mesosphere/etc/dcos-version.json ]; then
        while read -r line || [ -n "$line" ]; do
            case $line in
            *'"version"'*:*)
                line=${line#*\"version\"*:*\"}
                version=${line%%\"*}
                break
                ;;
            esac
        done </opt/mesosphere/etc/dcos-version.json
    fi
    if [ "$version" != "$PX_RELEASE" ]; then
        # That will not change by waiting.
        problem not_installed error "DC/OS $PX_RELEASE is not installed here; there is: $version" \
            "\`phalanx install\` installs it"
        exit 1
    fi
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

# As many of $1 hosts of a role as must be there: a fifth of them, rounded down, may be missing.
least() {
    echo $(($1 - $1 / 5))
}
case $PX_ROLE in
master)
    # shellcheck disable=SC2086
    set -- $PX_ADDRESSES_MASTER
    masters=$#
    # Of the agents those that take part: what `--on` leaves out nobody has installed. The lists may be
    # too long for a variable, and no host's name has a slash.
    # shellcheck disable=SC2046
    set -- $({
        px_left_out
        echo /private
        px_hosts private
        echo /public
        px_hosts public
    } | awk '
        /^\// { role = $0; next }
        { for (i = 1; i <= NF; i++) if (role == "") out[$i]; else if (!($i in out)) part[role]++ }
        END { print part["/private"] + 0, part["/public"] + 0 }')
    private=$(least "$1") public=$(least "$2")
    set -- "http://$address:8181/exhibitor/v1/cluster/status" "http://$address:5050/metrics/snapshot"
    [ "$PX_STAGE" = quorum ] || set -- "$@" "http://$address:5050/slaves"
    ;;
*)
    masters=0 private=0 public=0
    set -- "http://$address:5051/metrics/snapshot"
    ;;
esac

# The answers come one behind the other. Each is taken to pieces at its braces: of Exhibitor's list
# an object for each master, of Mesos's metrics one object, of its agents' list the inner objects.
missing=$(curl -fs --noproxy '*' --connect-timeout 2 -m 10 "$@" |
    awk -v role="$PX_ROLE" -v stage="$PX_STAGE" -v masters="$masters" -v private="$private" -v public="$public" '
        BEGIN { RS = "{"; seen = serving = leaders = privates = publics = 0 }
        NR == 1 { next }
        {
            gsub(/[ \t\r\n]+/, " ")
            gsub(/" ?: ?/, "\":")
            gsub(/\\\//, "/") # Mesos writes \/
            depth++
            if (depth == 1) { text = $0; list = /^ ?"slaves":\[/ }
            else if (list && depth == 2) text = $0
            else text = text $0
            open = depth
            depth -= gsub(/}/, "}")
            if (list && open >= 2 && depth <= 1) {
                if (text ~ /"active":true/ && text ~ /"slave_public"/) publics++
                else if (text ~ /"active":true/) privates++
            }
            if (depth > 0) next
            depth = 0
            if (list) next
            if (text ~ /"isLeader":/) {
                seen++
                if (text ~ /"isLeader":true/) leaders++
                if (text ~ /"code":3 ?[,}]/) { serving++; next }
                name = text; sub(/^.*"hostname":"/, "", name); sub(/".*$/, "", name)
                what = text; sub(/^.*"description":"/, "", what); sub(/".*$/, "", what)
                others = others (others == "" ? "" : ", ") name " is " what
            } else if (text ~ /"(master\/elected|slave\/registered)":/) {
                metrics = 1
                elected = text ~ /"master\/elected":1(\.0*)? ?[,}]/
                recovered = text ~ /"registrar\/log\/recovered":1(\.0*)? ?[,}]/
                registered = text ~ /"slave\/registered":1(\.0*)? ?[,}]/
            }
        }
        END {
            missing = ""
            if (role != "master") {
                if (!metrics) missing = "the Mesos agent on this host does not answer yet"
                else if (!registered) missing = "the Mesos agent on this host is not registered with a master yet"
            }
            else if (seen == 0) missing = "Exhibitor on this host does not answer yet"
            else if (seen != masters) missing = "Exhibitor knows " seen " of " masters " masters"
            else if (serving < masters) missing = serving " of " masters " masters serve: " others
            else if (leaders != 1) missing = "all " masters " masters serve, and " leaders " of them lead"
            else if (!metrics) missing = "the Mesos master on this host does not answer yet"
            else if (elected && !recovered)
                missing = "the leading Mesos master, on this host, has not recovered its registry yet"
            else if (elected && stage == "verify" && privates < private)
                missing = privates " private agents are registered, and " private " have to be"
            else if (elected && stage == "verify" && publics < public)
                missing = publics " public agents are registered, and " public " have to be"
            if (missing != "") { print missing; exit 1 }
        }')
status=$?
# What DC/OS itself says of its units on this host. Without its environment it finds nothing. A unit that
# is not well is a title, `[unit]: why`, and the end of its journal.
if [ "$status" -eq 0 ] && [ "$PX_STAGE" = verify ] && [ -x /opt/mesosphere/bin/3dt ]; then
    said=$(
        # shellcheck disable=SC1091
        [ ! -r /opt/mesosphere/environment.export ] || . /opt/mesosphere/environment.export
        /opt/mesosphere/bin/3dt --diag 2>&1
    )
    status=$?
    if [ "$status" -ne 0 ]; then
        # Of each, up to five, the title and the last lines of its journal; then the names of all.
        said=$(printf '%s\n' "$said" | awk '
            /^\[[^] ]+\.(service|socket|target|timer|mount|path|slice)\]: / {
                title[++known] = $0
                name = $1
                gsub(/[][]|:$/, "", name)
                names = names " " name
                next
            }
            /^time=".*level=/ || /^[ \t]*$/ { next }
            known == 0 { print; next }
            { end[known] = before[known] "\n    " $0; before[known] = "\n    " $0 }
            END {
                for (unit = 1; unit <= known && unit <= 5; unit++) print title[unit] end[unit]
                print "units:" names
            }')
        unwell=${said##*units:}
        said=${said%units:*}
        [ -z "$said" ] || printf '%s\n' "${said%"$newline"}"
        if [ -n "$unwell" ]; then
            missing="3dt finds units of DC/OS on this host that are not well:$unwell"
        else
            missing="3dt ended with status $status on this host, and names no unit that is not well"
        fi
    fi
fi
# The bootstrap node, where it takes part, tells what it has made as soon as it is connected to.
if [ "$status" -eq 0 ] && [ "$PX_STAGE" = verify ]; then
    if [ -z "$(px_facts cluster_packages)" ] && [ "${PX_WAITED:-0}" -lt 3 ]; then
        missing="the bootstrap node has not told yet which configuration it has made"
        status=1
    fi
fi
if [ "$status" -ne 0 ]; then
    # When time is nearly up, evidence of what may be the cause, in front of what is waited for.
    if [ "$((${PX_WITHIN:-0} - ${PX_WAITED:-0}))" -le 15 ]; then
        echo "what may be the cause:"
        systemctl list-units --failed --no-legend --plain 'dcos*' | head -n 5
        printed=$(/opt/mesosphere/bin/detect_ip 2>&1)
        echo "ip-detect prints \"$printed\" here; the masters are $PX_ADDRESSES_MASTER"
        case $PX_ROLE in
        master) unit=dcos-exhibitor ;;
        private) unit=dcos-mesos-slave ;;
        *) unit=dcos-mesos-slave-public ;;
        esac
        journalctl -u "$unit" --no-pager -q -o cat -n 3
    fi
    # The last line is what is waited for.
    echo "$missing"
    exit "$status"
fi
[ "$PX_STAGE" != verify ] || compare_configuration
if [ "$PX_ROLE/$PX_STAGE" = master/verify ]; then
    fact ui_url "http://$PX_ADDRESS/"
    already "the user interface is at http://$PX_ADDRESS/"
    if [ "$PX_SETTING_ENTERPRISE/$PX_SETTING_OAUTH_ENABLED" = false/true ] &&
        [ "$PX_HOST" = "${PX_HOSTS_MASTER%% *}" ]; then
        problem oauth note "signing in at http://$PX_ADDRESS/ needs auth.dcos.io and dcos.auth0.com, which may be gone" \
            "set \`oauth_enabled: false\` where the network keeps strangers out; then nobody is asked to sign in"
    fi
fi
exit 0
