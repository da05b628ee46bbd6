#!/bin/sh
# On the bootstrap node, where this connection's first look has found that what nodes install from is not
# what was made there, or could not know: nobody installs from it. `generate` looks for itself, but in a
# run that is resumed it may be done.
set -u

served=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/genconf/serve
list=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/sums/served
if [ -n "${PX_FACT_SERVED_DIFFERS:-}" ]; then
    problem served error "what the nodes install from is not what was made here: in $served, $PX_FACT_SERVED_DIFFERS" \
        "find out who did that: every node would have run it as root; then remove $list, and run \`phalanx install\`, which makes all of it anew (\`phalanx resume\` does not)"
elif [ ! -e "$list" ]; then
    problem served error "nobody knows whether what the nodes install from is what was made here: the list of its checksums, $list, is gone" \
        "run \`phalanx install\`, which makes all of it anew: in this run that is done, and \`phalanx resume\` does not repeat it"
else
    problem served error "nobody knows whether what the nodes install from is what was made here: to compare all of $served took longer than 90 s" \
        "run \`phalanx install\`, which takes the time for it: in this run that is done, and \`phalanx resume\` does not repeat it"
fi
exit 1
