#!/bin/sh
# On the bootstrap node, where this connection's first look has found that what nodes install from is not
# what was made there: nobody installs from it. `generate` looks for itself, but in a run that is resumed
# it may be done.
set -u

served=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/genconf/serve
list=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/sums/served
problem served error "what the nodes install from is not what was made here: in $served, $PX_FACT_SERVED_DIFFERS" \
    "find out who did that: every node would have run it as root; then remove $list, and \`phalanx install\` makes all of it anew"
exit 1
