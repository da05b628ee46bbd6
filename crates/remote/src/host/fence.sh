# The number of whoever holds the host: only `hold` gives a new one, all others must have just that one.
# Sets `highest`, 0 where there is none. False where the file holds what none of us has written. In: spool.
read_fence() {
  highest=0
  [ -e "$spool/fence" ] || return 0
  [ -f "$spool/fence" ] || return 1
  [ -s "$spool/fence" ] || return 0
  highest=
  { read -r highest <"$spool/fence"; } 2>/dev/null
  case $highest in
  *[!0-9]* | ??????????????????*) return 1 ;;
  [1-9]*) return 0 ;;
  esac
  return 1
}
# 0 is somebody who only looks, and needs no number.
may_work() {
  [ "$fence" != 0 ] || return 0
  read_fence || fail 'damaged fence'
  [ "$highest" != 0 ] || fail removed
  [ "$fence" -eq "$highest" ] || fail "fenced $highest"
}
