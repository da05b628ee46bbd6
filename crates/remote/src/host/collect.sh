# Removes what the ended jobs of a run left. Whoever holds the host lets it go, and removes also what
# runs before it left: they are superseded. In: run prefix keeper; after spool.sh and tree.sh.
# Jobs leave j/ by a rename, so that none is ever seen in part.
# ending: the wrapper has written the record, and its end was perhaps told already, but it is still on
# its way out. Waits for that.
ending() {
  [ -s "$job/rc" ] && read -r record <"$job/rc" || return 1
  case $record in rc=*' whole') ;; *) return 1 ;; esac
  exec 9>>"$job/lock"
  flock -x -w 10 9
}
set --
for job in "$spool/j"/*; do
  id=${job##*/}
  case $id in
  "$run".*) ;;
  # Others' only where they were over before we took the host.
  *) [ "$fence" != 0 ] && [ "$job" -ot "$spool/fence" ] || continue ;;
  esac
  decide
  case $state in
  absent) continue ;;
  running) ending || continue ;;
  died)
    # Orphans of a killed wrapper.
    unit=
    [ "$keeper" = session ] || unit=$prefix$id.scope
    end_tree 0 20
    ;;
  esac
  exec 9>&-
  set -- "$@" "$job"
done
gone=$spool/gone.$$
if [ $# -gt 0 ]; then
  { mkdir "$gone" && mv -t "$gone" "$@"; } 2>/dev/null || rm -rf "$@"
fi
[ "$fence" = 0 ] || rm -f "$spool/holder"
exec 8>&-
# Also what an earlier, interrupted call has left.
rm -rf "$spool"/gone.* 2>/dev/null
say "head collected=$#"
exit 0
