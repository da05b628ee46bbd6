# Watches over one job, in a session of its own and, with systemd, in a scope of its own. Holds the
# job's lock as fd 9 from before its first line to its end. Never starts anything twice.
# In: $1 the job's folder, $2 the shell; set in front of this: unit boot mark; after tree.sh.
job=$1 shell=$2
told= cancelled=0
trap 'told=1' TERM
trap '' HUP INT QUIT PIPE
# Until the scope holds us, a logout may still kill what we start.
in_scope() {
  while read -r line; do
    case $line in */"$unit") return 0 ;; esac
  done </proc/$$/cgroup
  return 1
}
ticks=0
while [ -n "$unit" ] && ! in_scope; do
  [ "$ticks" -lt 100 ] || { echo "systemd did not put it into $unit"; exit 1; }
  sleep 0.02
  ticks=$((ticks + 1))
done
[ ! -s "$job/boot" ] || exit 1
exec 7>>"$job/out"
# The block of the record is taken now, so that a full disk cannot cost us the exit status.
printf '%191s\n' '' >"$job/rc" || exit 1
# On the disk before the script's first instruction: after a power loss it is known that it ran.
echo "$boot" >"$job/boot" && dd of="$job/boot" conv=notrunc,fsync 2>/dev/null || exit 1
read -r from line </proc/uptime
set -- PX_DIR="$job" PX_RESULT="$job/result"
[ ! -e "$job/secrets" ] || set -- "$@" PX_SECRETS="$job/secrets"
# A session of its own, so that `kill 0` in the script ends the script and not us.
(
  trap - TERM HUP INT QUIT PIPE
  umask 022
  exec setsid env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    USER=root LOGNAME=root SHELL=/bin/sh LANG=C TERM=dumb "$@" "$shell" "$job/main"
) </dev/null >&7 2>&1 7>&- 9>&- &
child=$!
while :; do
  wait "$child"
  status=$?
  # A wait that no signal cut short tells how the script ended. One that was cut short does not;
  # but then the job was cancelled or the host goes down, and its status means nothing.
  [ -n "$told" ] || break
  if [ -e "$job/cancel" ] && [ "$cancelled" = 0 ]; then
    cancelled=1
    read -r grace <"$job/cancel"
    end_tree $$ "$grace"
  fi
  kill -0 "$child" 2>/dev/null || break
done
read -r to line </proc/uptime
# At a shutdown systemd signals the script and us in any order: after a death by signal, give ours
# the time to arrive.
[ "$status" -le 128 ] || [ -n "$told" ] || sleep 0.05
left=0 names=
if list_tree $$; then
  set -- $tree
  left=$#
  # Some of their names: the record has room for three.
  for process in "$@"; do
    name=
    { read -r name <"/proc/$process/comm"; } 2>/dev/null
    case $name,$names, in
    ,* | *[!A-Za-z0-9._,-]*) ;;
    "$name,$name,"* | "$name,"*",$name,"*) ;;
    *) [ ${#names} -gt 30 ] || names=$names${names:+,}$name ;;
    esac
  done
  end_tree $$ 40
fi
[ ! -e "$job/secrets" ] || { true >"$job/secrets"; rm -f "$job/secrets"; } 2>/dev/null
full=0
# Appended: what a truncation frees would seem to be room. Where the folder itself is gone, the script has
# removed it.
{ printf '%16384s' '' >>"$job/launch"; } 2>/dev/null || [ ! -d "$job" ] || full=1
{ true >"$job/launch"; } 2>/dev/null
# TERM that did not come from a cancel is a shutdown, whatever status the script made of it.
term=0
[ -z "$told" ] || [ -e "$job/cancel" ] || term=1
record="rc=$status cancel=$cancelled term=$term left=$left names=$names full=$full from=$from to=$to boot=$boot"
# In place, into the block taken above.
{ printf '%-191s\n' "$record whole" 1<>"$job/rc"; } 2>/dev/null
# The trailer goes into the output itself: who follows that has all of it, with no further process.
# On a full disk it might be cut, so then the followers say it when they see us gone.
[ "$full" = 1 ] || {
  printf '\n@%s end ended %s\n' "$mark" "$record"
  [ ! -s "$job/result" ] || head -c 262144 "$job/result"
  printf '\n@%s done\n' "$mark"
} >&7 2>/dev/null
exit 0
