# Brings files, each whole or not at all: `bring` for each, with path size mode owner sum set, then
# `finish`. Content is read from stdin only after `want`; what was sent along and was not wanted is
# passed over before the next is read. Each file is answered by `file have`, `mended` or `written`.
owed=0 fresh=
read -r from rest </proc/uptime
told() { printf '\n@%s file %s\n' "$px_nonce" "$1"; }
finish() {
  read -r to rest </proc/uptime
  printf '\n@%s end from=%s to=%s\n\n@%s done\n' "$px_nonce" "$from" "$to" "$px_nonce"
  exit 0
}
# refuse TEXT: says why not, then takes what is still coming, so that the sender is not left waiting.
refuse() {
  [ -z "$fresh" ] || rm -f "$fresh"
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
trap '[ -z "$fresh" ] || rm -f "$fresh"' EXIT
trap 'exit 4' HUP INT TERM PIPE
bring() {
  folder=${path%/*} name=${path##*/}
  if [ -h "$path" ]; then refuse "it is a symbolic link"; fi
  if [ -d "$path" ]; then refuse "it is a folder"; fi
  if [ -e "$path" ] && [ ! -f "$path" ]; then refuse "it is not a regular file"; fi
  if [ -f "$path" ]; then
    look "$path"
    if [ "$bytes" = "$size" ]; then
      there=$(sha256sum <"$path" 2>/dev/null)
      if [ "${there%% *}" = "$sum" ]; then
        owed=$((owed + size))
        if owned && [ "$modes" = "$mode" ]; then
          told have
        else
          mend "$path" || refuse "$why"
          told mended
        fi
        return
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
  printf '\n@%s want\n' "$px_nonce"
  [ "$owed" = 0 ] || head -c "$owed" >/dev/null
  owed=0
  # noclobber: in a folder that others may write, the name may be there already, as a link to anywhere.
  set -C
  why=$({ head -c "$size" >"$fresh"; } 2>&1) || refuse "$why"
  set +C
  look "$fresh"
  # Less than promised: the connection ended; there is nobody to tell.
  [ "$bytes" = "$size" ] || exit 4
  mend "$fresh" || refuse "$why"
  why=$(dd if=/dev/null of="$fresh" conv=notrunc,fsync 2>&1) || refuse "$why"
  # It may have taken long: whoever took over meanwhile wants no file of ours.
  ! overtaken || refuse "another run has taken over this host"
  why=$(mv -fT "$fresh" "$path" 2>&1) || refuse "$why"
  fresh=
  told written
}
say head
