#!/bin/sh
# Runs until it may end.
echo "begins"
while [ ! -e /var/lib/kept/go ]; do sleep 0.2; done
changed "waited"
