#!/bin/bash
# dcos_generate_config of the DC/OS stand-in. This is not DC/OS: it is a release made for trying an
# installer out, and behaves towards one as dcos_generate_config.sh of DC/OS 1.8.8 does.

set -o errexit -o nounset -o pipefail

tar_file='{{ tar_file }}'
image='{{ image }}'

if ! docker version > /dev/null 2>&1; then
    echo 'docker should be installed and running. Aborting.' >&2
    exit 1
fi

# A tar that is there already is taken for a sign that the image is loaded, as in 1.8: where that is
# wrong, docker says that it cannot find the image.
if [ ! -f "$tar_file" ]; then
    trap 'rm -f "$tar_file"; exit 1' INT
    echo 'Extracting image from this script and loading into docker daemon, this step can take a few minutes'
    sed '0,/^#EOF#$/d' "$0" | tar xv
    docker load -i "$tar_file"
    trap - INT
fi

mkdir -p genconf/state

GENERATE_SECONDS=0
[ ! -r /etc/stand-in.conf ] || . /etc/stand-in.conf

trap 'docker kill "$tar_file" > /dev/null 2>&1 || :' HUP QUIT INT TERM
mode=-i
[ "${DCOS_INSTALLER_DAEMONIZE:-}" != true ] || mode=-d
# The path has no quotes in the real script, either: it cannot have blanks.
# shellcheck disable=SC2046
docker run --rm --name="$tar_file" $mode -p "${PORT:-9000}:9000" -v $(pwd)/genconf/:/genconf \
    -e "STAND_IN_GENERATE_SECONDS=$GENERATE_SECONDS" "$image" "$@"
exit $?

#EOF#
