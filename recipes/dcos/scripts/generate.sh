#!/bin/sh
# On the bootstrap node: the release's installer, and what it makes of config.yaml and ip-detect,
# which is all that the other nodes install from. Made anew only where one of the three is another.
set -u

fail() {
    echo "$1" >&2
    exit 1
}

work=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE
cd "$work" || fail "there is no folder $work"
installer=dcos_generate_config.sh
newline='
'

if [ -n "${PX_SETTING_HTTPS_PROXY:-}" ]; then export https_proxy="$PX_SETTING_HTTPS_PROXY"; fi
if [ -n "${PX_SETTING_HTTP_PROXY:-}" ]; then export http_proxy="$PX_SETTING_HTTP_PROXY"; fi
if [ -n "${PX_SETTING_NO_PROXY:-}" ]; then export no_proxy="$PX_SETTING_NO_PROXY"; fi

# The installer, and its checksum where it is known.
url=${PX_RELEASE_URL:-}
known=${PX_RELEASE_SHA256:-}
if [ -n "${PX_SETTING_DOWNLOAD_URL:-}" ]; then
    url=$PX_SETTING_DOWNLOAD_URL
    known=
fi
if [ -n "${PX_SETTING_DOWNLOAD_FILE:-}" ]; then
    # It was brought here by the step before this one, whole.
    url=$work/uploaded/$installer
    known=
fi
known=${PX_SETTING_DOWNLOAD_SHA256:-$known}
[ -n "$url" ] || fail "nobody knows where the installer of DC/OS $PX_RELEASE is: set \`download_url\`"

# Where it came from and what it was then: read again only where one of these has changed.
path=
origin="from $url"
case $url in
file://* | /*)
    path=${url#file://}
    if [ ! -r "$path" ]; then
        problem installer error "there is no installer at $path on the bootstrap node" \
            "copy $installer there, or correct \`download_url\`"
        exit 1
    fi
    origin="$origin $(stat -L -c '%s bytes, %Y' "$path")"
    ;;
esac
have_sum=
if [ -e "$installer" ] && [ -e installer.origin ]; then
    now="$origin, here $(stat -c '%s bytes, %Y' "$installer")"
    {
        read -r before
        read -r have_sum
    } <installer.origin
    [ "$before" = "$now" ] || have_sum=
    # The file is the one of that checksum, and another one is wanted now.
    [ "${known:-$have_sum}" = "$have_sum" ] || have_sum=
fi

if [ -n "$have_sum" ]; then
    already "the installer is here"
else
    part=$installer.part
    if [ -n "$path" ]; then
        echo "taking $path"
        rm -f "$part"
        # What was brought here is root's, and large: the same file by another name. Any other may belong
        # to somebody who could change it between its check and its run.
        if [ -z "${PX_SETTING_DOWNLOAD_FILE:-}" ] || ! ln "$path" "$part" 2>/dev/null; then
            cp "$path" "$part" || fail "could not copy $path to $work"
        fi
    else
        # What came from elsewhere cannot be gone on with.
        if [ ! -e "$part.origin" ] || [ "$(cat "$part.origin")" != "$origin" ]; then
            rm -f "$part"
            printf '%s\n' "$origin" >"$part.origin" || fail "could not write to $work"
        fi
        fetch() {
            curl -fsSL --connect-timeout 20 --retry 5 -Y 1000 -y 60 -C - -o "$part" \
                -w '%{size_download} bytes in %{time_total} s\n' "$url"
        }
        echo "downloading $url"
        fetch
        status=$?
        case $status in
        0) ;;
        # Not every server can go on in the middle, and none at the end.
        22 | 33 | 36)
            [ -e "$part" ] || fail "could not download the installer"
            echo "trying again from the beginning"
            rm -f "$part"
            fetch || fail "could not download the installer"
            ;;
        *) fail "the download of the installer broke off (curl: $status); run this again, and it goes on from there" ;;
        esac
    fi
    have_sum=$(sha256sum "$part") || fail "could not read $work/$part"
    have_sum=${have_sum%% *}
    if [ -n "$known" ] && [ "$have_sum" != "$known" ]; then
        rm -f "$part"
        problem sha256 error "the installer from $url has the SHA-256 $have_sum, and not $known" \
            "find out why: it is damaged, or not the installer of DC/OS $PX_RELEASE"
        exit 1
    fi
    read -r first <"$part"
    case $first in
    '#!'*) ;;
    *)
        rm -f "$part"
        problem installer error "what $url gave is no installer: it begins with \"$(printf %.60s "$first")\"" \
            "look at that address with a browser, or give \`download_url\` another one"
        exit 1
        ;;
    esac
    if ! mv "$part" "$installer" ||
        ! printf '%s\n%s\n' "$origin, here $(stat -c '%s bytes, %Y' "$installer")" "$have_sum" >installer.new ||
        ! mv installer.new installer.origin; then
        fail "could not write to $work"
    fi
    rm -f "$part.origin"
    changed "fetched the installer from $url"
fi
if [ -z "$known" ]; then
    problem sha256 note "nobody has said what checksum the installer from $url should have: it was taken as it came" \
        "set \`download_sha256\` to $have_sum once you know that it is right"
fi

# ip-detect: ours, or one of the operator's own.
mkdir -p genconf || fail "could not write to $work"
own=ip-detect
case $PX_SETTING_IP_DETECT in
/*)
    own=$PX_SETTING_IP_DETECT
    first=
    [ ! -r "$own" ] || read -r first <"$own"
    case $first in
    '#!'*) ;;
    *)
        problem ip_detect error "there is no script at $own on the bootstrap node, or its first line is no \`#!/bin/sh\`" \
            "copy it there, or set \`ip_detect\` to \`auto\`"
        exit 1
        ;;
    esac
    ;;
esac
if ! cmp -s "$own" genconf/ip-detect; then
    if ! cp "$own" genconf/ip-detect.new || ! mv genconf/ip-detect.new genconf/ip-detect; then
        fail "could not write $work/genconf/ip-detect"
    fi
fi

# config.yaml, and in it what only this node is told.
compose_config() {
    cat config.yaml || return
    if [ -n "${PX_SECRETS:-}" ]; then
        # shellcheck source=/dev/null
        . "$PX_SECRETS"
        # A hash has no quote and no line feed in it.
        printf "superuser_password_hash: '%s'\n" "$PX_SECRET_SUPERUSER_PASSWORD_HASH"
    fi
}
if ! (umask 077 && compose_config >genconf/config.yaml.new); then
    fail "could not write $work/genconf/config.yaml"
fi
if cmp -s genconf/config.yaml.new genconf/config.yaml; then
    rm -f genconf/config.yaml.new
else
    mv genconf/config.yaml.new genconf/config.yaml || fail "could not write $work/genconf/config.yaml"
fi

# The checksums of all that goes in are written when everything that comes out is there.
inputs=$(sha256sum genconf/config.yaml genconf/ip-detect) || fail "could not read $work/genconf"
inputs="$have_sum  $installer$newline$inputs"
sums=genconf/serve/phalanx/SHA256SUMS
# The nodes are told over SSH what they have to find.
tell_sums() {
    read -r sum _ <"$sums"
    fact install_sha256 "$sum"
    sum=$(sha256sum "$sums") || fail "could not read $work/$sums"
    fact list_sha256 "${sum%% *}"
}
if [ -e generated.from ] && [ "$(cat generated.from)" = "$inputs" ] && [ -e "$sums" ]; then
    already "what the nodes install from is there"
    tell_sums
    exit 0
fi
rm -f generated.from

# The installer's container takes this port of the bootstrap node, whether it needs it or not.
case $(ss -lnt 'sport = :9000') in
*LISTEN*)
    problem port_9000 error "port 9000 of the bootstrap node is in use, and the installer needs it for a while" \
        "stop what listens there: ss -lntp 'sport = :9000'"
    exit 1
    ;;
esac
# After a power loss its container's name may still be taken.
left=$(docker ps -aq --filter name=dcos-genconf)
if [ -n "$left" ]; then
    # shellcheck disable=SC2086
    docker rm -f $left || fail "could not remove the container of an earlier run"
fi
# Where the image's file lies there, the installer believes that Docker has loaded it. It may have
# been killed before that, and would then never find its image.
for tar in dcos-genconf.*.tar; do
    if [ -e "$tar" ]; then
        image=${tar#dcos-genconf.}
        if ! docker inspect --type image "mesosphere/dcos-genconf:${image%.tar}" >/dev/null 2>&1; then
            echo "removing $tar, which Docker has not loaded"
            rm -f "$tar" || fail "could not remove $work/$tar"
        fi
    fi
done

bash "$installer" --genconf
status=$?
if [ "$status" -ne 0 ]; then
    echo "the installer ended with status $status; its configuration is $work/genconf/config.yaml" >&2
    exit 1
fi
for file in dcos_install.sh bootstrap.latest; do
    [ -e "genconf/serve/$file" ] || fail "the installer ended well, but $work/genconf/serve/$file is not there"
done

# Beside it, what a node needs to look before it leaps.
if ! mkdir -p genconf/serve/phalanx || ! cp genconf/ip-detect genconf/serve/phalanx/ip-detect ||
    ! (cd genconf/serve && sha256sum dcos_install.sh phalanx/ip-detect >phalanx/sums.new) ||
    ! mv genconf/serve/phalanx/sums.new "$sums" ||
    ! printf '%s\n' "$inputs" >generated.new || ! mv generated.new generated.from; then
    fail "could not write to $work"
fi
tell_sums
changed "made what the nodes install from"
