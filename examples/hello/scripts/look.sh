#!/bin/sh
# Whether the hello recipe could run here. Changes nothing.
set -eu

# The folder may not be there yet: what counts is whether it could be made.
folder=$PX_SETTING_FOLDER
while [ ! -e "$folder" ]; do
    folder=$(dirname "$folder")
done
if [ ! -d "$folder" ]; then
    problem folder error "$folder is no folder" "set \`folder\` to another path"
elif [ ! -w "$folder" ]; then
    problem folder error "$folder cannot be written to" "set \`folder\` to another path"
fi
already "looked at $folder"
