#!/bin/sh
# Notes in the host's own book that it begins, says numbered lines, and notes that it ends.
set -u
book=/var/lib/faults/book
mkdir -p /var/lib/faults
id=$(printenv "PX""_DIR")
id=${id##*/}
echo "begin $id" >>"$book"
sync
n=0
while [ "$n" -lt "$PX_SETTING_LINES" ]; do
    n=$((n + 1))
    echo "$PX_STAGE $PX_HOST $n"
    [ $((n % 20)) != 0 ] || sleep 0.1
done
if [ "$PX_STAGE" = two ] && [ "$PX_SETTING_MEGABYTES" -gt 0 ]; then
    # Every byte there is, no line feed for long, and no UTF-8.
    head -c $((PX_SETTING_MEGABYTES * 1048576)) /dev/urandom | tee /var/lib/faults/said
fi
changed "worked"
echo "end $id" >>"$book"
sync
