# The kernel's boot id and the start tick of process 1 (field 22 of its stat; its name, field 2, may
# hold blanks and brackets, so count from the last bracket). Builtins only.
read -r id </proc/sys/kernel/random/boot_id || fail "unreadable boot_id"
read -r stat </proc/1/stat || fail "unreadable /proc/1/stat"
set -- ${stat##*) }
say "head boot=$id.${20}"
set --
unset id stat
