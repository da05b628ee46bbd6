# A probe's environment, made like a job's but without a program: all that a login or sudo brings along
# goes, what a script may count on is set.
# A line of a value that has several may look like a name: what it names goes too, but nothing of ours,
# nor what a shell does not let go of.
IFS='
'
set -f
for px_line in $(
  export -p
  # Only bash takes functions from the environment, and has this.
  [ -z "${BASH_VERSION-}" ] || declare -Fx
); do
  case $px_line in
  'declare -fx '*) unset -f "${px_line#declare -fx }" ;;
  esac
  px_line=${px_line#export }
  px_line=${px_line#declare -x }
  px_line=${px_line%%=*}
  case $px_line in
  '' | [0-9]* | *[!A-Za-z0-9_]* | px_nonce | px_line | px_long | px_v_* | _ | PWD | PPID | UID | EUID | SHELLOPTS | BASHOPTS | BASH_*) ;;
  *) command unset -v "$px_line" 2>/dev/null ;;
  esac
done
# The usual one, set: a script that allows no unset variables may save it. (Where it came exported, dash keeps
# it so; no shell takes it from there.)
px_line='	' # a tab
IFS=" $px_line
"
unset BASH_ENV px_line
set +f
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root USER=root LOGNAME=root SHELL=/bin/sh LANG=C TERM=dumb
export PATH HOME USER LOGNAME SHELL LANG TERM
