#!/bin/sh
# On the bootstrap node, for all of them: what the hosts say of themselves has to go together. Changes
# nothing.
set -u

# joined BETWEEN LINES: the lines as one.
joined() {
    text=
    while read -r line; do
        text="$text${text:+$1}$line"
    done <<END
$2
END
    printf '%s\n' "$text"
}

# Lines of host and address. A script of the operator's own is not asked before it is installed.
detected=$(px_facts detected_address)

# Masters: it does not matter which of them has which address, but each address has to be one's.
known=yes
all=
for master in $PX_HOSTS_MASTER; do
    address=
    while read -r host said; do
        [ "$host" != "$master" ] || address=$said
    done <<END
$detected
END
    case $address in
    '' | none) known=no ;;
    *) all="$all${all:+, }$address ($master)" ;;
    esac
done
if [ "$known" = yes ]; then
    for address in $PX_ADDRESSES_MASTER; do
        case ", $all" in
        *", $address "*) ;;
        *)
            problem master_address error "no master has the private address $address; they have $all" \
                "write the masters' private addresses in the cluster file, in any order"
            ;;
        esac
    done
fi

# Two entries of the cluster file that lead to one machine.
twice=$(printf '%s\n' "$detected" | awk '
    $2 != "" && $2 != "none" { names[$2] = names[$2] (names[$2] == "" ? "" : ", ") $1; count[$2]++ }
    END { for (address in count) if (count[address] > 1) print names[address] ": " address }')
if [ -n "$twice" ]; then
    problem same_host error "hosts that say they have the same private address: $twice" \
        "correct the addresses in the cluster file: they lead to the same machine, or to copies of it"
fi

# Clocks, against the one in the middle: the controller's own is no measure.
wrong=$(px_facts clock_ahead_ms | sort -k 2n | awk '
    NF == 2 { host[++n] = $1; ahead[n] = $2 }
    END {
        middle = ahead[int((n + 1) / 2)]
        for (i = 1; i <= n; i++) {
            off = ahead[i] - middle
            if (off > 5000) printf "%s is %d s ahead\n", host[i], off / 1000
            else if (off < -5000) printf "%s is %d s behind\n", host[i], -off / 1000
        }
    }')
if [ -n "$wrong" ]; then
    said=$(joined ", " "$wrong")
    problem clock error "the hosts' clocks differ: $said" \
        "set these clocks (chronyc makestep, ntpd -gq), and see that a time service keeps them: DC/OS's services do not start with a clock out of step"
fi

# What DC/OS takes for containers and for its load balancer, and the networks that the hosts are in.
overlays='9.0.0.0/8 44.128.0.0/20'
vips=11.0.0.0/8
case ${PX_SETTING_CONFIG:-} in
*'"dcos_overlay_network"'*)
    overlays=$(printf '%s\n' "$PX_SETTING_CONFIG" | tr '"' '\n' | grep -x '[0-9.]*/[0-9]*' | tr '\n' ' ')
    ;;
esac
case ${PX_SETTING_CONFIG:-} in
*'"minuteman_m'*) vips= ;;
esac
case ${PX_SETTING_CONFIG:-} in
*'"dcos_overlay_enable":false'* | *'"dcos_overlay_enable": false'*) overlays= ;;
esac
inside=$(px_facts networks | awk -v overlays="$overlays $vips" '
    function number(address, parts) {
        split(address, parts, ".")
        return ((parts[1] * 256 + parts[2]) * 256 + parts[3]) * 256 + parts[4]
    }
    # Whether two networks have an address in common: the shorter prefix decides.
    function meet(one, other, a, b, bits, size) {
        split(one, a, "/"); split(other, b, "/")
        bits = a[2] < b[2] ? a[2] : b[2]
        size = 2 ^ (32 - bits)
        return int(number(a[1]) / size) == int(number(b[1]) / size)
    }
    {
        count = split(overlays, list, " ")
        for (i = 2; i <= NF; i++)
            for (j = 1; j <= count; j++)
                if (meet($i, list[j])) print $1 " is in " $i ", DC/OS takes " list[j]
    }')
if [ -n "$inside" ]; then
    said=$(joined "; " "$inside")
    problem overlay_network error "networks that DC/OS takes for itself are the hosts' own: $said" \
        "give DC/OS others: \`dcos_overlay_network\`, \`minuteman_min_named_ip\` and \`minuteman_max_named_ip\` in \`config\`"
fi

# Where what all of them install from is to be made.
work=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE
# Whoever can write to a folder on the way can put another one in its place. Prints the first folder on
# the way to $1 that others than root can change, with its owner and mode: on the way as it is named,
# links too, and as it really is. Where others may write but not rename (1777, as /tmp), what is root's
# stays what it is.
open_folder() {
    named=$1
    while [ -n "$named" ] && [ ! -d "$named" ]; do
        named=${named%/*}
    done
    real=$(cd "$named/" && pwd -P)
    set -- /
    for way in "$named" "$real"; do
        while [ -n "$way" ]; do
            set -- "$@" "$way"
            way=${way%/*}
        done
    done
    stat -c '%u %a %F:%n' "$@" | while read -r owner mode what; do
        open=
        case $mode in
        *[2367] | *[2367]?) open=yes ;;
        esac
        case $mode/$what in
        1???/"directory:$work" | 1???/"directory:$real") ;;
        1???/* | */"symbolic link:"*) open= ;;
        esac
        if [ "$owner" != 0 ] && [ "$owner" != "$(id -u)" ]; then open=yes; fi
        if [ -n "$open" ]; then
            echo "${what#*:} (owner $owner, mode $mode)"
            break
        fi
    done
}
open=$(open_folder "$work")
if [ -n "$open" ]; then
    folder=${open%" (owner "*}
    problem bootstrap_folder error "others than root can change what the nodes are to install from, by the folder $open" \
        "make it root's alone (chown root $folder; chmod go-w $folder), or set \`bootstrap_folder\` to another one"
fi

# And what it is now: the first look at this host has compared it. What that look could not compare is
# no reason to stop: `generate` does so, and makes anew what it has no list of.
if [ -n "${PX_FACT_SERVED_DIFFERS:-}" ]; then
    problem served error "what the nodes install from is not what was made here: in $work/genconf/serve, $PX_FACT_SERVED_DIFFERS" \
        "find out who did that: every node would have run it as root; then remove $work/sums/served, and \`phalanx install\` makes all of it anew"
fi

already "the hosts go together"
