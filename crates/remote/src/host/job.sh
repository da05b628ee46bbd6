# Starts a job, or attaches to it, and follows it to its end. In: verb (start, attach) id offset
# unit shell, and for start: px_main px_script px_wrapper and maybe px_secrets; after spool.sh.
# Brings the job's files, whole or with an error. Nothing has run yet, so that doing it again is safe.
stage() {
  printf '%s' "$px_main" >"$job/main" && printf '%s' "$px_script" >"$job/script" &&
    printf 'unit=%s boot=%s mark=%s\n%s' "$unit" "$boot" "$px_nonce" "$px_wrapper" \
      >"$job/wrapper" &&
    printf '%63s\n' '' >"$job/pid" &&
    { [ -z "${px_secrets+given}" ] || printf '%s' "$px_secrets" >"$job/secrets"; } &&
    true >"$job/out" || return 1
  # What is too long for the environment, for lib.sh to print.
  for px_name in ${px_long-}; do
    eval "printf '%s\\n' \"\$px_v_$px_name\"" >"$job/v.$px_name" || return 1
  done
}
# The wrapper inherits the job's lock, fd 9: there is no moment without a holder. It gets a parent
# that ends at once, so that it is init's to reap and `tail --pid` sees it end.
# `&` leaves INT and QUIT ignored; bash can undo that, dash cannot.
launch() {
  set -- setsid "$shell" "$job/wrapper" "$job" "$shell"
  [ -z "$unit" ] ||
    set -- setsid systemd-run --scope --slice=system.slice --unit="${unit%.scope}" \
      --description="Phalanx job $id" "$shell" "$job/wrapper" "$job" "$shell"
  (
    { trap - INT QUIT; exec "$@"; } </dev/null >"$job/launch" 2>&1 5<&- 8>&- &
    printf '%-63s\n' "$! $px_nonce" 1<>"$job/pid"
  )
}
if [ "$verb" = start ]; then
  # A job that exists is attached to, also where no new one could be started.
  [ -d "$job" ] || [ -z "$unit" ] || [ -d /run/systemd/system ] || fail nosystemd
  [ -d "$job" ] || why=$(mkdir "$job" 2>&1) || cannot "$why"
fi
decide
case $verb.$state in
attach.absent) fail absent ;;
start.staged) stage 2>/dev/null || cannot '' ;;
esac
# The shell stays as long as the job.
for px_name in ${px_long-}; do unset "px_v_$px_name"; done
# The output is opened before the script can remove it. (The follower prefers the name: tail trusts
# inotify with no link.)
if [ -e "$job/out" ]; then exec 5<"$job/out"; else exec 5</dev/null; fi
out=/proc/self/fd/5
if [ "$verb.$state" = start.staged ]; then
  launch
  state=running
fi
exec 9>&-
process= mark=$px_nonce
[ ! -s "$job/pid" ] || read -r process mark <"$job/pid"
if [ "$offset" -gt 0 ]; then
  size=$(wc -c <"$out")
  if [ "$offset" -gt "$size" ]; then
    # What was not on disk yet is lost with the power; any other loss is an error.
    case $state in rebooted | died) offset=$size ;; *) fail "shrank $size" ;; esac
  fi
fi
exec 8>&-
# How it ended, where the output does not say so itself.
tell_end() {
  [ ! -e "$job/secrets" ] || rm -f "$job/secrets"
  why=
  [ "$state" != staged ] || [ ! -s "$job/launch" ] || why=$(head -c 400 "$job/launch")
  set -f
  set -- $why
  printf '\n@%s end %s %s\n' "$mark" "$state" "$record$*"
  [ "$state" != ended ] || [ ! -s "$job/result" ] || head -c 262144 "$job/result"
  printf '\n@%s done\n' "$mark"
}
say "head mark=$mark"
if [ "$state" != running ]; then
  tail -c "+$((offset + 1))" "$out" || exit 4
  tell_end
  exit 0
fi
# Follows the file $1 until the wrapper is gone.
follow() {
  tail -c "+$((offset + 1))" -s 0.1 --pid="$process" -f "$1" 2>/dev/null &
  wait "$!"
}
# The follower. Its tail ends when the wrapper is gone: that is the end of a job that could not
# write its trailer. -s is how often that is looked at, and how often the file where the file
# system has no inotify that tail trusts (overlayfs). A follower that fails ends the channel, so that
# the other side comes again.
(
  trap 'kill $$' EXIT
  trap 'trap - EXIT; kill "$!" 2>/dev/null; exit 0' TERM
  # A tail that could not open the file has said nothing yet.
  follow "$job/out" || { [ $? = 1 ] && [ ! -e "$job/out" ] && follow "$out"; } || exit 4
  # Somebody who only looks at the lock may hold it for a moment.
  while [ "$state" = running ]; do
    exec 8>>"$spool/lock"
    flock -x 8 || exit 4
    decide
    exec 8>&- 9>&-
    [ "$state" != running ] || sleep 0.05
  done
  tell_end
  trap - EXIT
) &
# The end of our input means that nobody listens any more.
while read -r line; do :; done
kill "$!" 2>/dev/null
wait "$!"
exit 0
