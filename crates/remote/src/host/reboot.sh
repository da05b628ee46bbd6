# Asks for a reboot, the most orderly way first. The answer may be cut off by the reboot itself.
say head
said='no way to reboot was found'
ask() { said=$("$@" 2>&1 </dev/null) || return 1; printf '\n@%s end\n\n@%s done\n' "$px_nonce" "$px_nonce"; exit 0; }
[ ! -d /run/systemd/system ] || ask systemctl reboot
ask shutdown -r now
ask reboot
# Without an init that listens: at least nothing written is lost.
sync
[ -d /run/systemd/system ] || ask reboot -f
set -f
set -- $said
printf '\n'
fail "refused $*"
