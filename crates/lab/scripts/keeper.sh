#!/bin/sh
# Process 1 of a lab, in mount, network, pid, ipc and uts namespaces of its own. It makes the lab's
# network, starts the lab's internet and its hosts, and holds all of it: when it ends, they end.
#   $1 = the lab's folder, $2 = the lab's control group
# Stdin is held by the process that puts the lab up. It says "commit" when the lab is up; when it ends
# without that, the lab ends too.
set -eu
folder=$1
group=$2

mount -n -t proc proc /proc
cd "$folder"

# From here on everything of the lab is below /run, which nobody outside sees: paths without the
# characters that mean something to an overlay's options.
mount -n -t tmpfs -o mode=755 tmpfs run
mkdir run/lab run/layers run/netns run/host run/internet
mount -n --bind . run/lab
LOWER=
number=0
while IFS= read -r layer; do
    mkdir "run/layers/$number"
    mount -n --bind "$layer" "run/layers/$number"
    LOWER=$LOWER${LOWER:+:}/run/layers/$number
    number=$((number + 1))
done < config/layers
export LOWER
# As long as the lab is there, nobody removes its layers.
{ IFS= read -r one; IFS= read -r two || two=$one; } < config/layers
exec 8< "$one.lock" 9< "$two.lock"
flock --shared 8
flock --shared 9
mount -n --move run /run
cd /run/lab

# The hub: a bridge that all hosts are plugged into. It is their gateway, to each other's public
# addresses and to the lab's internet; there is no way out of it.
hub=$(cat config/hub)
{
    echo "link set lo up"
    echo "link add hub0 type bridge"
    echo "link set hub0 address 02:77:00:00:00:01"
    echo "link set hub0 up"
    echo "address add $hub/16 dev hub0"
    while read -r address; do
        echo "address add $address/32 dev lo"
    done < config/internet-addresses
} | ip -batch -
echo 1 > /proc/sys/net/ipv4/ip_forward
# Hosts that talk to each other's public addresses are neighbours; nobody needs to be told.
echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
echo 0 > /proc/sys/net/ipv4/conf/hub0/send_redirects

if [ -e config/has-internet ]; then
    sh scripts/internet.sh "$group/internet" < /dev/null > internet/log 2>&1 8<&- 9<&- &
fi

number=0
while read -r name private public mac; do
    number=$((number + 1))
    : > "/run/netns/$name"
    unshare --net="/run/netns/$name" true
    ip -batch - <<END
link add host$number type veth peer name eth0 address $mac netns $name
link set host$number master hub0 up
neighbor replace $private lladdr $mac dev hub0 nud permanent
END
    ip -netns "$name" -batch - <<END
link set lo up
address add $public/32 dev lo
address add $private/16 dev eth0
link set eth0 up
route add default via $hub
END
    ip route add "$public/32" via "$private"
    sh scripts/supervisor.sh "$name" "$group/hosts/$name" \
        < /dev/null >> "hosts/$name/console.log" 2>&1 8<&- 9<&- &
done < config/hosts

word=
read -r word || :
[ "$word" = commit ] || exit 1
exec < /dev/null

# Reaps what has lost its parent, and is there.
while :; do
    sleep 86400 &
    wait
done
