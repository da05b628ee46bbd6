# For requests that do not use the spool's lock: whether somebody else has taken over. In: spool fence.
# Builtins only. 0 is somebody who only looks.
overtaken() {
  highest=0
  [ ! -s "$spool/fence" ] || read -r highest <"$spool/fence"
  [ "$fence" != 0 ] && [ "$fence" -lt "$highest" ]
}
! overtaken || fail "fenced $highest"
