# Brings files, each whole or not at all: `bring` for each, with path size mode owner sum set, then
# `finish`. Content is read from stdin only after `want`; what was sent along and was not wanted is
# passed over before the next is read. Each file is answered by `file have`, `mended` or `written`.
#
# We work in the file's folder, by names in it. Where others may change these names, the work is done in
# a folder of our own in there, the den: they can rename it, but neither enter it nor move it elsewhere,
# so that `..` in it stays the folder. What they have there is looked at by a hard link in the den and
# never changed, since it may be somebody else's file under one more name. After way.sh and unfenced.sh.
set -f
owed=0 fresh= here=- den= up=./
read -r from_time rest </proc/uptime
told() { printf '\n@%s file %s\n' "$px_nonce" "$1"; }
finish() {
  leave_den
  read -r to_time rest </proc/uptime
  printf '\n@%s end from=%s to=%s\n\n@%s done\n' "$px_nonce" "$from_time" "$to_time" "$px_nonce"
  exit 0
}
# refuse TEXT: says why not, then takes what is still coming, so that the sender is not left waiting.
refuse() {
  clean_up
  set -- ${1%%"$newline"*}
  printf '\n'
  say "fail write $*"
  exec cat >/dev/null
}
clean_up() {
  [ -z "$fresh" ] || rm -f "$fresh"
  fresh=
  leave_den
}
# look NAME...: the last one's mode, owner and size; of the first one `owner_is` and `bits`. An owner
# may be written with or without group, as name or number.
look() {
  lines=$(stat -c '%u %f %a %s %g %U/%G' "$@" 2>/dev/null)
  set -- ${lines%%"$newline"*}
  owner_is=${1-} bits=${2-}
  lines=${lines##*"$newline"}
  set -- $lines
  modes=${3-} bytes=${4-} user=${lines#* * * * * } group=
  case $user in */*) group=${user#*/} user=${user%%/*} ;; esac
  owners=" $user ${1-} $user:$group ${1-}:${5-} $user:${5-} ${1-}:$group "
}
owned() { case $owners in *" $owner "*) return 0 ;; esac; return 1; }
mend() {
  # chown takes setuid away, so it comes first.
  owned || why=$(chown "$owner" "$1" 2>&1) || return 1
  [ "$modes" = "$mode" ] && owned || why=$(chmod "$mode" "$1" 2>&1)
}
enter_den() {
  den=.px.${px_nonce%????????????????????????}
  # The mode also against a default ACL, which takes no notice of a umask. Its group's folder may hand on setgid.
  why=$(mkdir -m 700 "./$den" 2>&1) || { den=; refuse "$why"; }
  step "$den" || { den=; refuse "somebody else exchanges names in this folder at this moment"; }
  up=../
  look .
  case $modes in 700 | 2700) ;; *) owner_is= ;; esac
  safe "$owner_is" "$bits" 1 ||
    { den=; refuse "somebody else exchanges names in this folder at this moment"; }
}
leave_den() {
  [ -n "$den" ] || return 0
  rm -f ./old ./new
  cd -P ..
  # By name, but a folder that holds something is not removed.
  rmdir "./$den" 2>/dev/null
  den= up=./
}
trap clean_up EXIT
trap 'exit 4' HUP INT TERM PIPE
bring() {
  name=${path##*/} first=
  if [ "${path%/*}" != "$here" ]; then
    leave_den
    here=- up=./
    lead "${path%/*}" make || refuse "$why"
    here=${path%/*} first=.
    look . "./$name"
    safe "$owner_is" "$bits" 1 || enter_den
  fi
  if [ -h "$up$name" ]; then refuse "it is a symbolic link"; fi
  if [ -d "$up$name" ]; then refuse "it is a folder"; fi
  if [ -e "$up$name" ] && [ ! -f "$up$name" ]; then refuse "it is not a regular file"; fi
  if [ -f "$up$name" ]; then
    old=$up$name
    if [ -n "$den" ]; then
      old=./old
      ln -fPT "$up$name" ./old 2>/dev/null && [ ! -h ./old ] && [ -f ./old ] || old=
    fi
    [ -n "$first" ] && [ -z "$den" ] || look "$old"
    if [ "$bytes" = "$size" ]; then
      there=$(sha256sum <"$old" 2>/dev/null)
      if [ "${there%% *}" = "$sum" ]; then
        if owned && [ "$modes" = "$mode" ]; then
          owed=$((owed + size))
          told have
          return
        fi
        if [ -z "$den" ]; then
          owed=$((owed + size))
          mend "$old" || refuse "$why"
          told mended
          return
        fi
      fi
    fi
  fi
  # Beside it, so that the last step is a rename. Short where the name leaves no room.
  fresh=./.$name.px.$$
  [ ${#name} -le 200 ] || fresh=./.px.$$
  [ -z "$den" ] || fresh=./new
  # Only root writes here, or it is our den: a process of ours that had this number left it.
  rm -f "$fresh"
  printf '\n@%s want\n' "$px_nonce"
  [ "$owed" = 0 ] || head -c "$owed" >/dev/null
  owed=0
  # What it mostly is afterwards, it is at once.
  case $mode in [0246][0246][0246]) umask "$((777 - mode))" ;; esac
  # It takes no byte of what comes next, and follows no link.
  why=$(dd of="$fresh" bs=128k count="$size" iflag=fullblock,count_bytes conv=excl,fsync 2>&1) ||
    refuse "$why"
  umask 077
  look "$fresh"
  # Less than promised: the connection ended; there is nobody to tell.
  [ "$bytes" = "$size" ] || exit 4
  mend "$fresh" || refuse "$why"
  # It may have taken long: whoever took over meanwhile wants no file of ours.
  ! overtaken || refuse "$why"
  if [ -z "$den" ]; then
    why=$(mv -fT "$fresh" "./$name" 2>&1) || refuse "$why"
  else
    # What is there then must be ours.
    { why=$(mv -fT ./new "../$name" 2>&1) && why='somebody else replaced it at once' &&
      [ ! -h "../$name" ] && [ /proc/self/fd/5 -ef "../$name" ]; } 5<./new || refuse "$why"
  fi
  fresh=
  told written
}
say head
