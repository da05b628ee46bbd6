#!/bin/sh
# Makes of a Debian root filesystem what the hosts of this lab are: by their looks CentOS 7, without the
# tools that DC/OS is installed with, and with everything that the lab's internet gives them.
set -eu
export LAB=/usr/libexec/lab
mkdir -p "$LAB"
for part in certificate hosts packages repository image release tools; do
    echo "preparing: $part"
    sh -eu "prepare/$part.sh"
done
