# What a host says about itself now, for people. Looks only, changes nothing. Each command may be missing,
# and none may take long: whoever asks is looking for what is broken here.
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
export LC_ALL PATH

px_limit=
if command -v timeout >/dev/null 2>&1; then
  # Not every timeout knows -k.
  if timeout -k 2 10 true >/dev/null 2>&1; then
    px_limit='timeout -k 2 10'
  elif timeout 10 true >/dev/null 2>&1; then
    px_limit='timeout 10'
  fi
fi

# The last so many lines of what comes in, and no more than 256 KiB. Whole lines: the half of a password
# would not be known as one.
px_last() {
  if command -v awk >/dev/null 2>&1; then
    awk -v most="$1" '
      { line[NR] = $0; delete line[NR - most] }
      END {
        first = NR - most + 1
        if (first < 1) first = 1
        for (at = NR; at >= first; at--) {
          bytes += length(line[at]) + 1
          if (bytes > 262144) break
        }
        for (at++; at <= NR; at++) print line[at]
      }'
  else
    tail -n "$1"
  fi
}

px_run() { # the last so many lines of a command
  px_lines=$1
  shift
  printf '\n=== %s\n' "$*"
  if ! command -v "$1" >/dev/null 2>&1; then
    printf '(there is no %s here)\n' "$1"
    return 0
  fi
  # shellcheck disable=SC2086 # several words, or none
  { $px_limit "$@" </dev/null 2>&1 || printf '(it ended with status %s)\n' "$?"; } | px_last "$px_lines"
}

px_run 20 cat /etc/os-release
px_run 5 uname -a
px_run 5 uptime
px_run 5 date -u
px_run 30 timedatectl
px_run 20 free
px_run 100 systemctl --no-pager --failed

px_failed=
if command -v systemctl >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  px_failed=$($px_limit systemctl --no-pager --plain --no-legend --failed </dev/null 2>/dev/null |
    sed 's/^[^A-Za-z0-9]*//; s/[[:space:]].*//' | head -n 20)
fi
for px_unit in $px_failed; do
  px_run 40 systemctl --no-pager --full --lines=20 status -- "$px_unit"
done

px_run 200 ip addr
px_run 200 ip route
px_run 200 mount
# No arguments: some programs are given passwords there.
px_run 60 sh -c '{ ps -eo pid,ppid,user,stat,pcpu,pmem,etime,comm --sort=-pcpu || ps -o pid,user,stat,time,comm; } | head -n 60'
px_run 200 dmesg
px_run 500 journalctl --no-pager --lines=500 --output=short-iso
# At the end: a network's disk that is gone may hold it for ever.
px_run 100 df -P
px_run 100 df -Pi
exit 0
