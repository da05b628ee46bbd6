# Every request begins with this. Answers go in-band to stdout, so that a terminal serves as well as
# a pipe; each begins with the request's nonce, which no output can know:
#   @NONCE head ...                 the request was understood, bytes follow
#   @NONCE fail WHY ...             it will not be done
#   @NONCE fail notroot UID         it is not root who reads this
#   @NONCE fail taken               something took the beginning of the request
#   \n@NONCE want                   the host asks for the content (put)
#   \n@NONCE file ...               one file is done (put)
#   \n@NONCE end ...\n RESULT \n@NONCE done\n
# In front of this: the first line sets px_whole and px_root, the second px_nonce.
umask 077
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
# What a login sets for its own programs makes ours other programs.
unset LD_LIBRARY_PATH LD_PRELOAD LD_AUDIT GCONV_PATH ENV BASH_ENV CDPATH POSIXLY_CORRECT GREP_OPTIONS
# Without that variable, bash would be no POSIX shell any more.
[ -z "${BASH_VERSION-}" ] || set -o posix
cd /
say() { printf '@%s %s\n' "$px_nonce" "$*"; }
fail() { say "fail $*"; exit 3; }
[ "${px_whole-}" = 1 ] || fail taken
# Whose shell this is. A start-up file that puts another shell in the command's place has that one read
# this, as the login. /proc/self is the shell itself: builtins only.
px_uid=
while read -r px_word px_real px_uid px_rest; do
  [ "$px_word" != Uid: ] || break
done </proc/self/status
[ "$px_uid" = "${px_root-0}" ] || fail "notroot $px_uid"
