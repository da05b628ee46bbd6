#!/bin/sh
# On the bootstrap node: the release's installer, and what it makes of config.yaml and ip-detect,
# which is all that the other nodes install from. Made anew only where one of the three is another.
# What nodes install from is run as root there, so nobody but root may write to it from the moment it
# is made; a list of its checksums, kept where only root gets at it, is compared in every later run.
set -u

fail() {
    echo "$1" >&2
    exit 1
}

work=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE
cd "$work" || fail "there is no folder $work"
installer=dcos_generate_config.sh
settled=none
[ ! -r looked ] || read -r settled <looked
settled=${settled:-none} # a power loss may leave an empty file
newline='
'

# Whoever can write to a folder on the way can put another one in its place. Prints the first folder on
# the way to $1 that others than root can change, with its owner and mode: on the way as it is named,
# links too, and as it really is. Where others may write but not rename (1777, as /tmp), what is root's
# stays what it is.
open_folder() {
    named=$1
    while [ -n "$named" ] && [ ! -d "$named" ]; do
        named=${named%/*}
    done
    real=$(cd "$named/" && pwd -P)
    set -- /
    for way in "$named" "$real"; do
        while [ -n "$way" ]; do
            set -- "$@" "$way"
            way=${way%/*}
        done
    done
    stat -c '%u %a %F:%n' "$@" | while read -r owner mode what; do
        open=
        case $mode in
        *[2367] | *[2367]?) open=yes ;;
        esac
        case $mode/$what in
        1???/"directory:$work" | 1???/"directory:$real") ;;
        1???/* | */"symbolic link:"*) open= ;;
        esac
        if [ "$owner" != 0 ] && [ "$owner" != "$(id -u)" ]; then open=yes; fi
        if [ -n "$open" ]; then
            echo "${what#*:} (owner $owner, mode $mode)"
            break
        fi
    done
}
open=$(open_folder "$work")
if [ -n "$open" ]; then
    folder=${open%" (owner "*}
    problem bootstrap_folder error "others than root can change what the nodes are to install from, by the folder $open" \
        "make it root's alone (chown root $folder; chmod go-w $folder), or set \`bootstrap_folder\` to another one"
    exit 1
fi

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
        if [ -n "${PX_SECRET_SUPERUSER_PASSWORD_HASH:-}" ]; then
            printf "superuser_password_hash: '%s'\n" "$PX_SECRET_SUPERUSER_PASSWORD_HASH"
        fi
        # JSON, in which a line feed or a tab means nothing, as a text in one line.
        if [ -n "${PX_SECRET_CLUSTER_DOCKER_CREDENTIALS:-}" ]; then
            printf "cluster_docker_credentials: '%s'\n" "$(printf '%s' "$PX_SECRET_CLUSTER_DOCKER_CREDENTIALS" |
                tr '\n\t\r' '   ' | sed "s/'/''/g")"
        fi
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

# Nobody but root gets as far as the folder that is served, or as the list of what is in it. The web
# server has that folder by itself.
serve=$work/genconf/serve
list=$work/sums/served
if ! (umask 077 && mkdir -p sums) || ! mkdir -p "$serve" genconf/state; then
    fail "could not write to $work"
fi
chmod 700 genconf sums || fail "could not change the modes of $work/genconf and $work/sums"

# The generator takes its umask away: everybody can write to what it makes. What is right is not touched:
# a file's time of change tells whether anybody else was there.
close_all() {
    if ! find genconf '(' ! -uid "$(id -u)" -o ! -gid "$(id -g)" ')' -exec chown -h "$(id -u):$(id -g)" {} + ||
        ! find genconf ! -type l -perm /022 -exec chmod go-w {} +; then
        fail "could not change owners and modes of $work/genconf"
    fi
}
open_served() {
    find "$serve" ! -type l '(' ! -perm -644 -o -type d ! -perm -755 -o -perm /111 ! -perm -111 ')' \
        -exec chmod u+rwX,go+rX {} + || fail "could not change the modes of $serve"
}
# What is neither file nor folder has no checksum: it is known by its name and where it leads.
odd_files() {
    find . ! -type d ! -type f -printf '%p -> %l (no plain file)\n'
}
# What is not as it was made, in lines; nothing where all is.
differences() (
    cd "$serve" || exit
    export LC_ALL=C
    if ! said=$(sha256sum -c --quiet "$list" 2>/dev/null); then
        printf '%s\n' "${said:-the list of checksums cannot be read}" |
            sed -e 's/^\.\///' -e 's/: FAILED$/ was changed/' -e 's/: FAILED open or read$/ is missing/'
    fi
    {
        cut -c 67- "$list"
        cat "$list.odd"
        echo
        find . -type f
        odd_files
    } | awk '
        !now && $0 == "" { now = 1; next }
        !now { known[$0]; next }
        !($0 in known) { sub(/^\.\//, ""); print $0 " was added" }'
)
# How all of it lies there, which a connection's first look is compared with: facts.sh.
note_state() {
    if ! (cd "$serve" && find . -printf '%i %C@ %s %m %U %p\n' | LC_ALL=C sort | sha256sum) >"$list.state"; then
        fail "could not write to $work/sums"
    fi
}
# The nodes are told over SSH what they have to find.
tell() {
    while read -r sum name; do
        case $name in
        ./dcos_install.sh) fact install_sha256 "$sum" ;;
        ./phalanx/SHA256SUMS) fact list_sha256 "$sum" ;;
        esac
    done <"$list"
    read -r packages <sums/packages || packages=
    fact cluster_packages "${packages:-none}"
    # Whoever did not know when that was the mark knows now; a later look finds another one: facts.sh.
    if [ -n "$settled" ] && { ! read -r mark </proc/sys/kernel/random/uuid ||
        ! printf '%s\n' "$mark" >looked.new || ! mv looked.new looked; }; then
        fail "could not write to $work"
    fi
    fact served_settled "$settled"
}

# Before anything is removed: whether all of it can be made anew.
ready_to_make() {
    # The installer's container takes this port of the bootstrap node, whether it needs it or not.
    case $(ss -lnt 'sport = :9000') in
    *LISTEN*)
        problem port_9000 error "port 9000 of the bootstrap node is in use, and the installer needs it for a while" \
            "stop what listens there: ss -lntp 'sport = :9000'"
        exit 1
        ;;
    esac
    # After a power loss its container's name may still be taken.
    left=$(docker ps -aq --filter name=dcos-genconf) || fail "docker does not answer"
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
}

close_all
if [ -e "$list" ]; then
    differ=$(differences) || fail "could not compare $serve with $list"
    if [ -n "$differ" ]; then
        printf '%s\n' "in $serve, since it was made:" "$differ"
        differ=$(printf '%s\n' "$differ" | awk '
            NR <= 3 { text = text (NR > 1 ? ", " : "") $0 }
            END { print text (NR > 3 ? ", and " NR - 3 " more" : "") }')
        problem served error "what the nodes install from is not what was made here: in $serve, $differ" \
            "find out who did that: every node would have run it as root; then remove $list, and \`phalanx install\` makes all of it anew"
        exit 1
    fi
    if [ -e generated.from ] && [ "$(cat generated.from)" = "$inputs" ]; then
        open_served
        note_state
        already "what the nodes install from is there, as it was made"
        # The first look knew it too: nothing is to settle, and nothing is written.
        [ -n "${PX_FACT_SERVED_UNSURE-unknown}" ] || settled=
        tell
        exit 0
    fi
    ready_to_make
    # What comes of the following is not what that list says, also where it is cut short.
    rm -f "$list" || fail "could not write to $work/sums"
else
    ready_to_make
    # Nobody knows who has been at it.
    if [ -e generated.from ]; then
        problem no_sums note "there is no list of checksums for what lay in $serve: it was removed, and made anew" \
            "nodes that were installed from it before are as they are"
    fi
    find "$serve" genconf/state -mindepth 1 -delete || fail "could not empty $serve and $work/genconf/state"
fi
rm -f generated.from
# While it is made, nobody else gets in, not even who was there before it was closed.
chmod 700 "$serve" || fail "could not change the mode of $serve"

# The generator tells all of its arguments, with the superuser's hash and the proxies' passwords: those
# do not belong in a log.
without_secrets() {
    inside=
    while IFS= read -r line || [ -n "$line" ]; do
        case $inside$line in
        "in "*) continue ;;
        in\}*)
            inside=
            continue
            ;;
        esac
        inside=
        case $line in
        *"Final arguments:{"*)
            inside=in
            echo "(its arguments, which hold secrets, are left out here)"
            ;;
        *cluster_docker_credentials:* | *cluster_docker_credentials\"*)
            # In colour, too: the colours stay behind it.
            echo "${line%%cluster_docker_credentials*}cluster_docker_credentials: ***"
            ;;
        *://*@* | *\$6\$*)
            # shellcheck disable=SC2016
            printf '%s\n' "$line" |
                sed -e 's,://[^/ "]*@,://***@,g' -e 's,\$6\$[A-Za-z0-9./$=]*,***,g'
            ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
}
{
    bash "$installer" --genconf 2>&1
    echo $? >sums/ended
} | without_secrets
status=1
[ ! -s sums/ended ] || read -r status <sums/ended
rm -f sums/ended
if [ "$status" -ne 0 ]; then
    echo "the installer ended with status $status; its configuration is $work/genconf/config.yaml" >&2
    exit 1
fi
for file in dcos_install.sh bootstrap.latest; do
    [ -e "$serve/$file" ] || fail "the installer ended well, but $serve/$file is not there"
done

# The ids of packages in a list of DC/OS's, in one line.
ids() {
    tr '"' '\n' <"$1" | grep '^[^/]*--' | sort -u | tr '\n' ' '
    echo
}
# Beside it, what a node needs to look before it leaps. Then the list of all that is served, and which
# packages hold the configuration; last that this is what came of these inputs.
close_all
if ! mkdir -p "$serve/phalanx" || ! cp genconf/ip-detect "$serve/phalanx/ip-detect" ||
    ! (cd "$serve" && sha256sum dcos_install.sh phalanx/ip-detect >phalanx/SHA256SUMS) ||
    ! (cd "$serve" && odd_files >"$list.odd" && find . -type f -exec sha256sum {} + >"$list.new") ||
    ! ids "$serve/cluster-package-info.json" >sums/packages ||
    ! mv "$list.new" "$list" ||
    ! printf '%s\n' "$inputs" >generated.new || ! mv generated.new generated.from; then
    fail "could not write to $work"
fi
open_served
note_state
tell
changed "made what the nodes install from"
