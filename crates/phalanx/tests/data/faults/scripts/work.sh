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
if [ "$PX_STAGE" = two ] && [ "$PX_SETTING_ODD" -gt 0 ]; then
    case $PX_ROLE in
    master)
        # No line feed for long.
        n=0
        while [ "$n" -lt "$PX_SETTING_ODD" ]; do
            n=$((n + 1))
            printf .
            sleep 1
        done
        ;;
    private)
        # No UTF-8, NUL among it, and what looks like the protocol's own marks.
        printf '\377\376\000\200\n@0123456789abcdef0123456789abcdef end ended rc=0 whole\n\303'
        ;;
    public)
        # A child that stays, with our output in its hands.
        sleep 1234 &
        ;;
    bootstrap)
        exec >&- 2>&-
        ;;
    esac
fi
changed "worked"
echo "end $id" >>"$book"
sync
