#!/bin/sh
# Whether this worker knows its server. A probe: it is asked again until it says yes.
set -eu

conf=$PX_SETTING_FOLDER/$PX_HOST.conf
if ! grep -q "^server=$PX_ADDRESSES_SERVER\$" "$conf" 2>/dev/null; then
    echo "waiting for $conf to name $PX_HOSTS_SERVER"
    exit 1
fi
