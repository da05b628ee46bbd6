#!/bin/sh
# Whether this host gets at what the bootstrap node serves; the last line says why not. By address: no
# name is looked up. Packets may be filtered anywhere between the two, so every host asks for itself.
set -u

url=http://$PX_ADDRESSES_BOOTSTRAP:$PX_SETTING_BOOTSTRAP_PORT
said=$(curl -fsS --noproxy '*' --connect-timeout 5 -m 20 -o /dev/null "$url/phalanx/SHA256SUMS" 2>&1)
status=$?
case $status in
0) exit 0 ;;
7) echo "$url refuses connections: see on the bootstrap node that its container dcos-bootstrap-nginx runs, and what filters packets between the two" ;;
28) echo "$url does not answer within seconds: a firewall or a security group swallows what this host sends to $PX_ADDRESSES_BOOTSTRAP at port $PX_SETTING_BOOTSTRAP_PORT" ;;
*) echo "nothing can be fetched from $url: ${said:-curl ended with status $status}" ;;
esac
exit 1
