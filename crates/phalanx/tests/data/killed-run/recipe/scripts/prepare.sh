#!/bin/sh
echo "$PX_STAGE on $PX_HOST"
fact word "from-$PX_HOST"
changed "$PX_STAGE"
