# The two yum repositories of the lab's internet, at the places of those of 2017.
set -eu
internet=/srv/lab/internet
packages=/tmp/packages/packages
centos=$internet/mirror.centos.org/centos/7/os/x86_64
docker=$internet/yum.dockerproject.org/repo/main/centos/7
mkdir -p "$centos/Packages" "$docker/Packages"
mv "$packages"/docker-engine-*.rpm "$docker/Packages/"
mv "$packages"/*.rpm "$centos/Packages/"
for repository in "$centos" "$docker"; do
    createrepo_c --quiet "$repository"
done
cp /etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7 "$internet/yum.dockerproject.org/gpg"
rm -rf /tmp/packages "$internet/yum"
ln -s dnf-3 /usr/bin/yum
rm -f /usr/bin/dnf
