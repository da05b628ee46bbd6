# Going to a folder by steps, so that nobody else can lead us elsewhere: the folder that we are in stays
# the same, whatever becomes of its name. Builtins only, but at a link. In: px_uid.
newline='
'
closed=1
# step NAME: into a folder of this one. Its name may become a link at any moment, so it is looked
# afterwards whether we came from there, and are where the name says.
step() { { cd -P "./$1" && [ /proc/self/fd/6 -ef .. ] && [ "${PWD##*/}" = "$1" ]; } 6<. 2>/dev/null; }
# guarded FOLDER [NAME]: whether nobody but root can put anything in FOLDER, or, where that is given,
# something else in the place of NAME in it, which may be missing; nor of any folder on the way. Else
# `why`. One process.
guarded() {
  left=${1#/} so_far= name_in=${2-} beyond=0
  set -- /
  while [ -n "$left" ]; do
    so_far=$so_far/${left%%/*}
    set -- "$@" "$so_far"
    case $left in */*) left=${left#*/} ;; *) left= ;; esac
  done
  if [ -n "$name_in" ]; then
    if [ -h "$so_far/$name_in" ] || [ -e "$so_far/$name_in" ]; then
      set -- "$@" "$so_far/$name_in"
    else
      beyond=1
    fi
  fi
  # The owner, and type and mode in hexadecimal digits.
  # Where one of them is missing, the lines would be those of others.
  lines=$(stat -c %u.%f "$@" 2>/dev/null) || lines=
  while [ $# -gt 0 ]; do
    line=${lines%%"$newline"*}
    lines=${lines#*"$newline"}
    safe "${line%.*}" "${line#*.}" "$(($# + beyond))" || {
      left=$1
      set -f
      set -- $(stat -c '%u %a %F %U' "$left" 2>&1)
      why="$left belongs to user $1 and has mode $2"
      return 1
    }
    shift
  done
}
# safe OWNER BITS LEFT: who is not root may write only in what is sticky, and not in the last `closed`
# ones of the way, of which so many are left.
safe() {
  case $1$2 in *[!0-9a-f]* | '') return 1 ;; esac
  [ "$1" = 0 ] || [ "$1" = "$px_uid" ] || return 1
  case $((0x$2 & 0170000)) in
  $((0040000))) [ "$((0x$2 & 022))" = 0 ] || { [ "$3" -gt "$closed" ] && [ "$((0x$2 & 01000))" != 0 ]; } ;;
  $((0120000))) ;;
  *) return 1 ;;
  esac
}
# lead FOLDER [MAKE]: goes there. With MAKE what is missing is made, 0755; else it is left in `rest`.
# False, with `why`, where there is no way; `foreign` where others may change it.
lead() {
  rest=$1 hops=0 foreign=
  cd /
  while [ -n "$rest" ]; do
    part=${rest%%/*}
    case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
    so=${PWD%/}/$part
    case $part in
    '' | .) continue ;;
    ..)
      cd -P ..
      continue
      ;;
    esac
    if [ -h "./$part" ]; then
      guarded "$PWD" "$part" || {
        why="$so is a symbolic link that others may change ($why); name where it leads to instead"
        foreign=yes
        return 1
      }
      target=$(readlink "./$part")
      hops=$((hops + 1))
      case $PWD/$hops in
      /proc/* | */41) why="the link $so leads nowhere that can be looked at"; return 1 ;;
      esac
      case $target in /*) cd / ;; esac
      rest=$target/$rest
      continue
    fi
    if [ ! -e "./$part" ]; then
      [ -n "${2-}" ] || { rest=$part${rest:+/$rest}; return 0; }
      umask 022
      why=$(mkdir "./$part" 2>&1) || [ -d "./$part" ] || { umask 077; return 1; }
      umask 077
    fi
    [ -d "./$part" ] || { why="$so: Not a directory"; return 1; }
    step "$part" || { why="$so cannot be gone to, or was exchanged at that moment"; return 1; }
  done
}
