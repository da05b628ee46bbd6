# A probe's environment, made like a job's but without a process: what a login or sudo brings along
# goes, what a script may count on is set.
unset LC_ALL LC_CTYPE LC_MESSAGES LC_COLLATE LC_NUMERIC LC_TIME LC_MONETARY LANGUAGE MAIL \
  SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AUTH_SOCK SUDO_COMMAND SUDO_USER SUDO_UID SUDO_GID \
  XDG_SESSION_ID XDG_RUNTIME_DIR XDG_SESSION_TYPE XDG_SESSION_CLASS XDG_DATA_DIRS \
  DBUS_SESSION_BUS_ADDRESS ENV BASH_ENV CDPATH TMPDIR OLDPWD
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root USER=root LOGNAME=root SHELL=/bin/sh LANG=C TERM=dumb
export PATH HOME USER LOGNAME SHELL LANG TERM
