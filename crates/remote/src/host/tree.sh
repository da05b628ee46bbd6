# The processes of a job. In: unit (its scope, or nothing where systemd is not used), job.
# Sets `tree` to them, without process $1; true when there are any. Builtins only where there is a
# cgroup: a fork would list itself. Without one, the job's folder in their environment tells them; but
# anybody may write that into an environment, and it can be read in the process list: only those count
# whose real user is ours, which is root.
real_user() { { while read -r word real line && [ "$word" != Uid: ]; do :; done <"$1/status"; } 2>/dev/null; }
list_tree() {
  tree=
  if [ -n "$unit" ]; then
    for folder in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
      folder=$folder/system.slice/$unit
      [ -d "$folder" ] || continue
      for file in "$folder/cgroup.procs" "$folder"/*/cgroup.procs; do
        [ -r "$file" ] || continue
        while read -r process; do
          [ "$process" = "$1" ] || tree="$tree $process"
        done <"$file"
      done
      break
    done
  else
    real_user /proc/self
    mine=$real
    for file in $(grep -lszFx "PX_DIR=$job" /proc/[0-9]*/environ); do
      file=${file%/environ} real=
      real_user "$file"
      [ "$real" = "$mine" ] || continue
      [ "${file#/proc/}" = "$1" ] || tree="$tree ${file#/proc/}"
    done
  fi
  [ -n "$tree" ]
}
# end_tree SPARED GRACE: TERM to all but process SPARED, after GRACE (in 1/20 s) KILL. CONT, because
# a stopped process does not see TERM. False when some are still there 10 s later.
end_tree() {
  list_tree "$1" || return 0
  kill -TERM $tree 2>/dev/null
  kill -CONT $tree 2>/dev/null
  ticks=0
  while [ "$ticks" -lt "$2" ]; do
    sleep 0.05
    list_tree "$1" || return 0
    ticks=$((ticks + 1))
  done
  ticks=0
  while list_tree "$1"; do
    [ "$ticks" -lt 200 ] || return 1
    kill -KILL $tree 2>/dev/null
    sleep 0.05
    ticks=$((ticks + 1))
  done
}
