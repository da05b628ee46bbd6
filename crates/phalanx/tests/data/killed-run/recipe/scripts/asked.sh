#!/bin/sh
echo "waits for port $PX_SETTING_PORT"
exit 1
