# Ends a job. In: id unit grace (in 1/20 s); after spool.sh and tree.sh.
decide
over() { say 'head over'; exit 0; }
case $state in
ended | rebooted) over ;;
absent | staged)
  # It has never run; now it never will, not even where its start is still on its way to us.
  [ -d "$job" ] || why=$(mkdir "$job" 2>&1) || cannot "$why"
  { echo "$grace" >"$job/cancel" && echo "$boot" >"$job/boot"; } 2>/dev/null ||
    cannot ''
  rm -f "$job/secrets"
  over
  ;;
esac
{ echo "$grace" >"$job/cancel"; } 2>/dev/null || cannot ''
process=
[ "$state" != running ] || read -r process line <"$job/pid"
exec 8>&- 9>&-
say head
if [ "$state" = running ]; then
  # The wrapper ends the tree. It is told again and again: a signal that comes just before its
  # `wait` is not seen by it.
  exec 6<"$job/lock"
  rounds=$((grace / 20 + 5))
  while ! flock -sn 6; do
    [ "$rounds" -gt 0 ] || break
    kill -TERM "$process" 2>/dev/null
    kill -CONT "$process" 2>/dev/null
    flock -s -w 1 6 && break
    rounds=$((rounds - 1))
  done
  # Stuck itself: everything goes, the wrapper too.
  flock -sn 6 || kill -KILL "$process" 2>/dev/null
  exec 6<&-
fi
# What a killed wrapper left behind.
end_tree 0 "$grace" || { printf '\n'; fail 'stuck it has processes that cannot be killed'; }
rm -f "$job/secrets"
printf '\n@%s end\n\n@%s done\n' "$px_nonce" "$px_nonce"
exit 0
