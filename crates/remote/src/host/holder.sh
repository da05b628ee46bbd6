# Who works on this host, in `holder`, three lines: a process and how often it has given a sign of life; who
# that is, in words; whether it works already, its rank, and when it gave that sign: seconds of which boot.
# In: verb (hold, beat, release) run me (the process) about (a line of words) host (its name in the run) stance
# rank seen first (a number for where there is none) prefix keeper; after spool.sh.
them= beats=0 told= how=working grade=0 at= born=
if [ -e "$spool/holder" ]; then
  [ -f "$spool/holder" ] || fail 'damaged holder'
  if [ -s "$spool/holder" ]; then
    { read -r them beats; read -r told; read -r how grade at born; } <"$spool/holder" 2>/dev/null
    # Phalanx 0.1.0 wrote two lines, and worked at once.
    case ${them:-=}${beats:-=} in *[!!-~]* | *=*) fail 'damaged holder' ;; esac
    case $told in run=*) ;; *) fail 'damaged holder' ;; esac
    case ${how:=working} in taking | working) ;; *) fail 'damaged holder' ;; esac
    case $beats${grade:=0}${at:=0} in *[!0-9]*) fail 'damaged holder' ;; esac
    case $at in ???????????*) fail 'damaged holder' ;; esac
    # Only that it changes counts.
    case $beats in ????????????????*) beats=0 ;; esac
  fi
fi
read -r now line </proc/uptime
now=${now%.*}
note() {
  { printf '%s %s\n%s\n%s\n' "$me" "$1" "$about" "$stance $rank $now $boot" >"$spool/holder.new" &&
    mv -f "$spool/holder.new" "$spool/holder"; } 2>/dev/null || cannot ''
}
# Whether a job is another run's, and has not told its end.
unended() {
  case $1 in
  "$run".* | [.-]* | *[!A-Za-z0-9._-]*) return 1 ;;
  *.*.*.*) ;;
  *) return 1 ;;
  esac
  record=
  [ ! -s "$spool/j/$1/rc" ] || read -r record <"$spool/j/$1/rc"
  case $record in rc=*' whole') return 1 ;; esac
}
# left ID: another run's script still runs.
left() {
  case ,$others,$gone, in *",$1,"*) return 0 ;; esac
  # More would not be read.
  [ $((${#others} + ${#gone})) -lt 2000 ] || return 0
  if [ -d "$spool/j/$1" ]; then others=$others${others:+,}$1; else gone=$gone${gone:+,}$1; fi
}
# What another run left running is not run beside.
look_around() {
  others= gone=
  # Where the spool knows of it, its end is seen by its lock, which is held from before its first line.
  for job in "$spool/j"/*; do
    id=${job##*/}
    [ -e "$job/lock" ] && unended "$id" || continue
    flock -xn "$job/lock" true || left "$id"
  done
  # Where its folder is gone, or what watched over it, it is known by its scope ...
  for folder in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    for scope in "$folder/system.slice/$prefix"*.scope; do
      id=${scope##*/"$prefix"} id=${id%.scope}
      unended "$id" || continue
      for file in "$scope/cgroup.procs" "$scope"/*/cgroup.procs; do
        process=
        { read -r process <"$file"; } 2>/dev/null
        [ -z "$process" ] || left "$id"
      done
    done
  done
  # ... or, without one, by its environment. Only root's processes are a job's: others can say what they like.
  [ "$keeper" = session ] || return 0
  for file in $(grep -lszF "PX_DIR=$spool/j/" /proc/[0-9]*/environ); do
    process=${file%/environ} owners=
    while read -r name real line; do
      [ "$name" != Uid: ] || owners=$real
    done <"$process/status" 2>/dev/null
    [ "$owners" = 0 ] && [ -O "$process" ] || continue
    id=$(tr '\0\n' '\n ' <"$file" 2>/dev/null | grep -m 1 '^PX_DIR=')
    id=${id#"PX_DIR=$spool/j/"}
    ! unended "$id" || left "$id"
  done
}
case $verb in
hold)
  # `seen` is what was found here by somebody who then made sure that it is dead.
  if [ -n "$them" ] && [ "$them" != "$me" ] && [ "$them $beats" != "$seen" ]; then
    quiet=
    [ "$born" != "$boot" ] || [ "$at" -gt "$now" ] || quiet=$((now - at))
    say "head busy process=$them beats=$beats stance=$how rank=$grade quiet=$quiet $told"
    exit 0
  fi
  # One process that has two names for this host would work on it twice.
  if [ "$them" = "$me" ]; then
    case " $told " in
    *" host=$host "*) ;;
    *' host='*) say "head twice $told"; exit 0 ;;
    esac
  fi
  look_around
  if [ -n "$others$gone" ]; then
    say "head jobs running=$others gone=$gone"
    exit 0
  fi
  # The number by which all others are refused. Where there is none, it may have been taken away: then it must
  # not begin at one that somebody still has.
  read_fence || fail 'damaged fence'
  if [ "$highest" = 0 ]; then fence=$first; else fence=$((highest + 1)); fi
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
  rm -f "$spool/holder"
  say 'head released'
  ;;
esac
exit 0
