# Whether the process PX_MARKED is here, has the name PX_MARK, and sees the files that we see. In a container
# of its own it is another machine, also where it shares our kernel or our processes. Builtins only.
read -r px_name <"/proc/$PX_MARKED/comm" || exit 1
[ "$px_name" = "$PX_MARK" ] && [ "/proc/$PX_MARKED/root" -ef / ]
