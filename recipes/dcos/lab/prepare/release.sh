# The stand-in release, where the recipe finds the one of 1.8.8, and how the cluster file names it.
set -eu
path=dcos/stable/stand-in/dcos_generate_config.stand-in.sh
file=/srv/lab/internet/downloads.dcos.io/$path
mkdir -p "${file%/*}"
sh stand-in/build.sh "$file" > /tmp/log 2>&1 || {
    cat /tmp/log
    exit 1
}
sum=$(sha256sum "$file")
printf '%s=%s\n' download_url "https://downloads.dcos.io/$path" download_sha256 "${sum%% *}" \
    > /srv/lab/values
