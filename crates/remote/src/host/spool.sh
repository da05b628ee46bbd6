# The spool: who may use it, and what is known of a job.
#   lock     flock, held for milliseconds, never while the network is read
#   fence    the number of the last holder; all others are refused
#   holder   who works on the host, and its signs of life
#   j/ID/    one job:
#     main script secrets wrapper   what is run, and by what
#     v.NAME   a text that is too long for the environment
#     lock     flock, held exclusively by the wrapper and nobody else: the job runs
#     launch   what the launcher said
#     pid      the wrapper's, and the mark of the job's trailer; valid only while `lock` is held
#     boot     boot id, durable before the script's first instruction: never start this job again
#     out      stdout and stderr, then the trailer
#     result   what lib.sh wrote
#     rc       how it ended; counts only when `lock` is free and its last word is `whole`
#     cancel   cancelling was asked for; the grace in 1/20 s
# In: spool id fence; after fence.sh.
job=$spool/j/$id
read -r boot </proc/sys/kernel/random/boot_id
# cannot [REASON]: something could not be written. What a shell says about that is poor, so another
# program is asked; and the full disk is told apart.
cannot() {
  why=$(dd if=/dev/zero of="$spool/probe.$$" bs=8192 count=1 status=none 2>&1)
  rm -f "$spool/probe.$$"
  case $why$1 in
  *'No space left'* | *'quota exceeded'*) fail nospace ;;
  esac
  set -f
  set -- ${1:-${why:-it cannot be written}}
  fail "spool $*"
}
[ -d "$spool/j" ] || why=$(mkdir -p "$spool/j" 2>&1) || cannot "$why"
# Not `: >>`, here and below: a failed redirection of a special builtin ends dash without an answer.
{ true >>"$spool/lock"; } 2>/dev/null || cannot ''
exec 8>>"$spool/lock"
# Where it cannot be locked, and not because somebody has it, what flock says then tells why.
flock -x -w 60 8 2>/dev/null || why=$(flock -x -w 1 8 2>&1) || {
  set -f
  set -- $why
  [ $# = 0 ] || fail "flock $*"
  fail 'spool its lock has been held for a minute'
}
may_work
# Sets `state`; for an ended job also `record`. Call it with the global lock held. In the states
# staged, died and cancelled the job's lock is held as fd 9 afterwards.
decide() {
  record= state=absent
  [ -d "$job" ] || return 0
  { true >>"$job/lock"; } 2>/dev/null || cannot ''
  exec 9>>"$job/lock"
  state=running
  flock -xn 9 || { exec 9>&-; return 0; }
  [ ! -s "$job/rc" ] || read -r record <"$job/rc"
  case $record in rc=*' whole') state=ended; exec 9>&-; return 0 ;; esac
  state=staged record=
  [ -s "$job/boot" ] || return 0
  state=died
  read -r born <"$job/boot"
  if [ "$born" != "$boot" ]; then state=rebooted; exec 9>&-
  elif [ -e "$job/cancel" ]; then state=cancelled; fi
}
