#!/bin/sh
# The lab's internet: one web server, with a folder for each name.
set -eu
mkdir -p /var/lib/nginx /var/log/nginx
exec /usr/libexec/lab/nginx -e stderr -c /srv/lab/data/internet/nginx.conf
