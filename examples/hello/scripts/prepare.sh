#!/bin/sh
# Marks this host as ready, once.
set -eu

conf=$PX_SETTING_FOLDER/$PX_HOST.conf
ready=$PX_SETTING_FOLDER/$PX_HOST.ready

echo "reading $conf"
grep -q "^name=$PX_HOST\$" "$conf"

if [ -e "$ready" ] && [ "$(cat "$conf")" = "$(cat "$ready")" ]; then
    already "$PX_HOST is ready"
else
    cp "$conf" "$ready.new"
    mv "$ready.new" "$ready"
    changed "made $PX_HOST ready"
fi
fact greeted true
