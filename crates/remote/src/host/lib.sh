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
