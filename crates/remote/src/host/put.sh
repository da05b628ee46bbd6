# Brings one file: whole or not at all. In: path size mode owner sum; content is read from stdin only
# after `want`. The answer is `end have`, `end mended` or `end written`.
folder=${path%/*} name=${path##*/}
finish() { printf '\n@%s end %s\n\n@%s done\n' "$px_nonce" "$1" "$px_nonce"; exit 0; }
# refuse TEXT: says why not, then takes what is still coming, so that the sender is not left waiting.
refuse() {
  set -f
  set -- $1
  printf '\n'
  say "fail write $*"
  exec cat >/dev/null
}
# The file's mode, owner and size. An owner may be written with or without group, as name or number.
look() { set -- $(stat -c '%a %s %U %G %u %g' "$1" 2>/dev/null); modes=${1-} bytes=${2-} owners=" ${3-} ${5-} ${3-}:${4-} ${5-}:${6-} ${3-}:${6-} ${5-}:${4-} "; }
owned() { case $owners in *" $owner "*) return 0 ;; esac; return 1; }
mend() {
  # chown takes setuid away, so it comes first.
  owned || why=$(chown "$owner" "$1" 2>&1) || return 1
  [ "$modes" = "$mode" ] && owned || why=$(chmod "$mode" "$1" 2>&1)
}
say head
if [ -h "$path" ]; then refuse "it is a symbolic link"; fi
if [ -d "$path" ]; then refuse "it is a folder"; fi
if [ -e "$path" ] && [ ! -f "$path" ]; then refuse "it is not a regular file"; fi
if [ -f "$path" ]; then
  look "$path"
  if [ "$bytes" = "$size" ]; then
    there=$(sha256sum <"$path" 2>/dev/null)
    if [ "${there%% *}" = "$sum" ]; then
      if owned && [ "$modes" = "$mode" ]; then finish have; fi
      mend "$path" || refuse "$why"
      finish mended
    fi
  fi
fi
if [ ! -d "${folder:-/}" ]; then
  umask 022
  why=$(mkdir -p "$folder" 2>&1) || refuse "$why"
  umask 077
fi
# In the same folder, so that the last step is a rename. Short where the name leaves no room.
fresh=$folder/.$name.px.$$
[ ${#name} -le 200 ] || fresh=$folder/.px.$$
trap 'rm -f "$fresh"' EXIT
trap 'exit 4' HUP INT TERM PIPE
printf '\n@%s want\n' "$px_nonce"
# noclobber: in a folder that others may write, the name may be there already, as a link to anywhere.
set -C
why=$({ head -c "$size" >"$fresh"; } 2>&1) || { rm -f "$fresh"; refuse "$why"; }
set +C
look "$fresh"
# Less than promised: the connection ended; there is nobody to tell.
[ "$bytes" = "$size" ] || exit 4
mend "$fresh" || { rm -f "$fresh"; refuse "$why"; }
why=$(dd if=/dev/null of="$fresh" conv=notrunc,fsync 2>&1) || { rm -f "$fresh"; refuse "$why"; }
why=$(mv -fT "$fresh" "$path" 2>&1) || { rm -f "$fresh"; refuse "$why"; }
trap - EXIT
finish written
