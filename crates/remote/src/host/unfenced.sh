# For requests that do not use the spool's lock: whether somebody else has taken over, or nobody can say.
# In: spool fence; after fence.sh. Builtins only. 0 is somebody who only looks.
overtaken() {
  [ "$fence" != 0 ] || return 1
  ! read_fence || [ "$fence" -ne "$highest" ]
}
may_work
