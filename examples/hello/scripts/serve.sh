#!/bin/sh
# Writes the greeting, signed with the token where there is one.
set -eu

greeting=$PX_SETTING_FOLDER/greeting
token=none
if [ -n "${PX_SECRETS:-}" ]; then
    . "$PX_SECRETS"
    # The token itself stays here: its checksum is signature enough.
    token=$(printf '%s' "${PX_SECRET_TOKEN:-}" | cksum | cut -d' ' -f1)
fi
text="$PX_SETTING_GREETING $PX_HOSTS_WORKER ($token)"

if [ -f "$greeting" ] && [ "$(cat "$greeting")" = "$text" ]; then
    already "the greeting is there"
    exit 0
fi
printf '%s\n' "$text" >"$greeting.new"
mv "$greeting.new" "$greeting"
changed "wrote the greeting for $PX_HOSTS_WORKER"
