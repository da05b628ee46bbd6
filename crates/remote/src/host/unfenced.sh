# For requests that do not use the spool's lock: whether somebody else has taken over, or nobody can say.
# In: spool fence; after fence.sh. Builtins only. 0 is somebody who only looks. Sets `why`.
overtaken() {
  [ "$fence" != 0 ] || return 1
  why="nobody can say any more who holds this host, since $spool/fence is damaged"
  read_fence || return 0
  why="nobody can say any more who holds this host, since $spool was removed or emptied"
  [ "$highest" != 0 ] || return 0
  why="another run has taken over this host (its number is $highest)"
  [ "$fence" -ne "$highest" ]
}
may_work
