# What a script has beside plain sh. Each call appends one line to the file that PX_RESULT names:
# fields with tabs between them; in a field, backslash, newline and tab are written \\, \n and \t.
# No processes are started here: a script may call these in a loop.
px_newline='
'
px_tab='	' # a tab; asking printf for it would cost a process
# px_swap ONE OTHER: every ONE in px_text becomes OTHER.
px_swap() {
  px_done=
  while :; do
    case $px_text in
    *"$1"*) px_done=$px_done${px_text%%"$1"*}$2 px_text=${px_text#*"$1"} ;;
    *) break ;;
    esac
  done
  px_text=$px_done$px_text
}
# px_tell WORD FIELD...: appends one line.
px_tell() {
  px_line=$1
  shift
  for px_text in "$@"; do
    case $px_text in
    *\\* | *"$px_newline"* | *"$px_tab"*)
      px_swap \\ \\\\
      px_swap "$px_newline" '\n'
      px_swap "$px_tab" '\t'
      ;;
    esac
    px_line=$px_line$px_tab$px_text
  done
  # What cannot be told must not be passed over.
  printf '%s\n' "$px_line" >>"$PX_RESULT" || { echo 'the result cannot be written' >&2; exit 74; }
}
# changed TEXT: this was changed just now.
changed() { px_tell changed "$1"; }
# already TEXT: this was as it should be.
already() { px_tell already "$1"; }
# fact NAME VALUE: what the host is like.
fact() { px_tell fact "$1" "$2"; }
# problem CHECK SEVERITY TEXT FIX: what is wrong; SEVERITY is error, warning or note.
problem() { px_tell problem "$1" "$2" "$3" "${4-}"; }
# px_value PREFIX NAME: prints what PREFIX and NAME, written like a variable, stand for: also what is too
# long for one. That is in a file of the job, or in a variable of this shell that is not exported.
px_value() {
  px_name=$1 px_text=$2 px_letters=aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ
  while [ -n "$px_text" ]; do
    px_line=${px_text%"${px_text#?}"} px_text=${px_text#?}
    case $px_line in
    [abcdefghijklmnopqrstuvwxyz])
      px_done=${px_letters#*"$px_line"} px_line=${px_done%"${px_done#?}"} ;;
    [!ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789]) px_line=_ ;;
    esac
    px_name=$px_name$px_line
  done
  if [ -n "${PX_DIR-}" ] && [ -f "$PX_DIR/v.$px_name" ]; then
    cat "$PX_DIR/v.$px_name"
    return
  fi
  eval "px_done=\${px_v_$px_name+long}\${$px_name+short}"
  case $px_done in
  long*) eval "printf '%s\\n' \"\$px_v_$px_name\"" ;;
  short)
    eval "px_text=\$$px_name"
    [ -z "$px_text" ] || printf '%s\n' "${px_text%"$px_newline"}"
    ;;
  *) echo "this script is not given $px_name" >&2; return 1 ;;
  esac
}
# px_facts NAME: a fact of all hosts, lines of a host's name and its value.
px_facts() { px_value PX_FACTS_ "$1"; }
# px_hosts ROLE, px_addresses ROLE: names and private addresses of a role's hosts, blanks between two.
px_hosts() { px_value PX_HOSTS_ "$1"; }
px_addresses() { px_value PX_ADDRESSES_ "$1"; }
# px_left_out: names of the hosts of the cluster that take no part, blanks between two.
px_left_out() { px_value PX_LEFT_OUT ''; }
# px_setting NAME: a setting.
px_setting() { px_value PX_SETTING_ "$1"; }
