# Every request begins with this. Answers go in-band to stdout, so that a terminal serves as well as
# a pipe; each begins with the request's nonce, which no output can know:
#   @NONCE head ...                 the request was understood, bytes follow
#   @NONCE fail WHY ...             it will not be done
#   \n@NONCE want                   the host asks for the content (put)
#   \n@NONCE file ...               one file is done (put)
#   \n@NONCE end ...\n RESULT \n@NONCE done\n
# px_nonce is set by the line in front of this one.
umask 077
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
cd /
say() { printf '@%s %s\n' "$px_nonce" "$*"; }
fail() { say "fail $*"; exit 3; }
