# Runs a script on this very channel; nothing is written on the host. Stdout and stderr of the
# script go straight through (fd 7); the result lines come back by the pipe of a command
# substitution (fd 8). In: px_script, lib.sh's functions, the script's environment as exports. The
# head went out with the boot identity.
exec 7>&1
read -r px_from px_rest </proc/uptime
px_result=$(
  exec 8>&1 >&7 2>&1 7>&- </dev/null
  unset -f say fail
  umask 022
  PX_RESULT=/proc/self/fd/8
  export PX_RESULT
  eval "$px_script"
)
px_status=$?
read -r px_to px_rest </proc/uptime
printf '\n@%s end rc=%s from=%s to=%s\n%s\n@%s done\n' "$px_nonce" "$px_status" "$px_from" "$px_to" \
  "$px_result" "$px_nonce"
