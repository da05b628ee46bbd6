# Who works on this host, in `holder`: a process and how often it has given a sign of life, then who that
# is. In: verb (hold, beat, release) run me (the process) about (a line of words) seen; after spool.sh.
them= beats=0 told=
[ ! -s "$spool/holder" ] || { read -r them beats; read -r told; } <"$spool/holder"
note() {
  { printf '%s %s\n%s\n' "$me" "$1" "$about" >"$spool/holder.new" &&
    mv -f "$spool/holder.new" "$spool/holder"; } 2>/dev/null || cannot ''
}
case $verb in
hold)
  # `seen` is what was found here by somebody who then made sure that it is dead.
  if [ -n "$them" ] && [ "$them" != "$me" ] && [ "$them $beats" != "$seen" ]; then
    say "head busy process=$them beats=$beats $told"
    exit 0
  fi
  # What another run left running is not run beside. Its end is seen by its lock.
  others=
  for job in "$spool/j"/*; do
    id=${job##*/}
    case $id in "$run".*) continue ;; esac
    [ -s "$job/boot" ] || continue
    record=
    [ ! -s "$job/rc" ] || read -r record <"$job/rc"
    case $record in rc=*' whole') continue ;; esac
    flock -xn "$job/lock" true || others=$others${others:+,}$id
  done
  if [ -n "$others" ]; then
    say "head jobs $others"
    exit 0
  fi
  # The number by which whoever comes late is refused.
  fence=$((highest + 1))
  # On the disk, since after a power loss it must not be given again.
  { echo "$fence" >"$spool/fence.new" &&
    dd if=/dev/null of="$spool/fence.new" conv=notrunc,fsync &&
    mv -f "$spool/fence.new" "$spool/fence"; } 2>/dev/null || cannot ''
  note 0
  say "head held fence=$fence"
  ;;
beat)
  [ "$them" != "$me" ] || note $((beats + 1))
  say 'head beat'
  ;;
release)
  [ "$fence" != "$highest" ] || rm -f "$spool/holder"
  say 'head released'
  ;;
esac
exit 0
