#!/bin/sh
# Says yes when it is asked for the third time.
set -u
mkdir -p /var/lib/faults
echo asked >>"/var/lib/faults/asked.$PX_RUN"
asked=0
while read -r _; do asked=$((asked + 1)); done <"/var/lib/faults/asked.$PX_RUN"
if [ "$asked" -lt 3 ]; then
    echo "asked $asked times"
    exit 1
fi
