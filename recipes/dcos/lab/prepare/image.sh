# The image nginx:1.10, in a registry that is nothing but files.
set -eu
mv "$(command -v nginx)" "$LAB/nginx"
rm -f /lib/systemd/system/nginx.service /etc/init.d/nginx
python3 -B image.py "$LAB/nginx" /bin/busybox /srv/lab/internet/registry-1.docker.io library/nginx 1.10
