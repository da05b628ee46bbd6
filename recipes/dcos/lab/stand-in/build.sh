#!/bin/sh
# Builds the stand-in release: build.sh OUTFILE
# Needs python3 with yaml, ldd and xz's library; no network, no docker.
set -eu
exec python3 -B "$(dirname "$0")/pack.py" "$1"
