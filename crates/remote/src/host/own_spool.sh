# Before anything in the spool is used: it has to be root's alone, with all folders on the way. Whoever
# else could change it could have root run what they like. To look once is enough: what only root can
# change stays so. In: spool, make (not empty: what is missing is made); after way.sh.
not_ours() { fail "foreign $why"; }
no_way() {
  [ -z "$foreign" ] || not_ours
  # Who only reads finds nothing there.
  [ -z "$make" ] || fail "spool $why"
  rest=none
}
lead "$spool/j" || no_way
if [ -n "$rest" ] && [ -n "$make" ]; then
  # A new one may be in a folder like /tmp, but not have been one.
  [ "$rest" != j ] || closed=2
  guarded "$PWD" "${rest%%/*}" || not_ours
  # Whatever this says, spool.sh finds out better.
  mkdir -p "$spool/j" 2>/dev/null
  # Where all may write, somebody else may have been faster.
  lead "$spool/j" || no_way
fi
# Itself and its folder of jobs.
closed=2
[ -n "$rest" ] || guarded "$PWD" || not_ours
closed=1
cd /
