#!/bin/sh
# What there is to know about a host before anything begins. Changes nothing.
set -eu

os=unknown
if [ -r /etc/os-release ]; then
    os=$(. /etc/os-release && printf '%s' "${ID:-unknown}")
fi
fact os "$os"
fact cores "$(getconf _NPROCESSORS_ONLN)"
if [ -e "$PX_SETTING_FOLDER/$PX_HOST.ready" ]; then
    fact greeted true
else
    fact greeted false
fi
