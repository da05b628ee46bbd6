# The packages that yum installs on hosts: the tools themselves, taken out of the root filesystem, and
# Docker as far as its version, its unit and its command line go. Signed by a key of this lab's own.
set -eu
export HOME=/tmp/packages
mkdir -p "$HOME/rpmbuild/SPECS" /srv/lab/internet/yum /etc/pki/rpm-gpg
here=$PWD
cd "$HOME"

# The daemon and what it starts stay where they are of no use to anybody but the package's docker.
mkdir -p "$LAB/docker"
for program in docker dockerd docker-proxy docker-init containerd containerd-shim \
    containerd-shim-runc-v1 containerd-shim-runc-v2 runc ctr; do
    path=$(command -v "$program") || continue
    mv "$path" "$LAB/docker/$program"
done
for unit in docker.service docker.socket containerd.service; do
    rm -f "/lib/systemd/system/$unit"
done
rm -f /etc/default/docker /etc/init.d/docker
# A socket for the group that the package makes, as 1.11 does.
groupdel docker 2> /dev/null || :

# spec NAME VERSION SUMMARY: a package of what is in the folder root/NAME, of what NAME.provides says
# that the root filesystem has, and with NAME.post run once it is installed.
spec() {
    provides=$here/rpm/$1.provides
    post=$here/rpm/$1.post
    {
        cat <<END
Name: $1
Version: $2
Release: 1.el7
Summary: $3 (of a lab)
License: various
AutoReqProv: no
END
        [ ! -e "$provides" ] || sed 's/^/Provides: /' "$provides"
        cat <<END
%define __os_install_post %{nil}
%define _build_id_links none
%define debug_package %{nil}
%description
$3. Made for a lab: not the package of CentOS.
%install
mkdir -p %{buildroot}
if [ -d $HOME/root/$1 ]; then cp -a $HOME/root/$1/. %{buildroot}/; fi
END
        if [ -e "$post" ]; then
            echo '%post'
            cat "$post"
        fi
        echo '%files'
        [ ! -d "root/$1" ] || (cd "root/$1" && find . ! -type d | sed 's/^\.//')
    } > "rpmbuild/SPECS/$1.spec"
}

# tools PACKAGE PROGRAM...: takes programs out of the root filesystem.
tools() {
    package=$1
    shift
    for program; do
        path=$(command -v "$program") || continue
        mkdir -p "root/$package/${path%/*}"
        mv "$path" "root/$package$path"
    done
}
tools unzip unzip
tools ipset ipset
tools xz xz unxz xzcat lzma unlzma lzcat
spec unzip 6.0 'Unpacks zip files'
spec ipset 6.29 'Sets of addresses'
spec xz 5.1.2 'Compresses by LZMA'

mkdir -p root/docker-engine/usr/bin root/docker-engine/usr/lib/systemd/system root/chrony/usr/lib/systemd/system
cp "$here/rpm/docker" root/docker-engine/usr/bin/docker
chmod 755 root/docker-engine/usr/bin/docker
cp "$here/rpm/docker.service" "$here/rpm/docker.socket" root/docker-engine/usr/lib/systemd/system/
cp "$here/rpm/chronyd.service" root/chrony/usr/lib/systemd/system/
spec docker-engine 1.11.2 'Docker'
spec chrony 2.1.1 'Keeps the time'
# What the root filesystem has, for what other packages ask for, and the release for yum.
spec centos-release 7 'CentOS 7'

for spec in rpmbuild/SPECS/*.spec; do
    rpmbuild --quiet --define "_topdir $HOME/rpmbuild" --define 'dist .el7' -bb "$spec" > log 2>&1 || {
        cat log
        exit 1
    }
done

export GNUPGHOME=$HOME/keys GPG_TTY=none
mkdir -m 700 "$GNUPGHOME"
gpg --quiet --batch --passphrase '' --quick-gen-key 'Packages of a lab <lab@example.invalid>' rsa2048 sign never 2> log || {
    cat log
    exit 1
}
gpg --armor --export > /etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7
find rpmbuild/RPMS -name '*.rpm' -exec rpmsign --define '_gpg_name lab@example.invalid' --define '__gpg /usr/bin/gpg' \
    --define "_gpg_path $GNUPGHOME" --addsign {} + > log 2>&1 || {
    cat log
    exit 1
}
# As their makers name them.
mkdir packages
for file in rpmbuild/RPMS/*/*.rpm; do
    mv "$file" packages/
done
gpgconf --kill all

rpm --initdb
{ rpm -i --nosignature packages/centos-release-*.rpm; } > log 2>&1 || {
    cat log
    exit 1
}
rpm -q centos-release > log
cd "$here"
