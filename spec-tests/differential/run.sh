#!/bin/sh
# Holds our state resolution against the matrix-synapse library. Usage: run.sh [EVENTS_PER_ALGORITHM] [FIRST_SEED] [CHAINS]
set -eu

events=${1:-20000}
seed=${2:-1}
chains=${3:-library}
here=$(dirname "$0")
venv=${SYNAPSE_VENV:-/tmp/synapse-venv}
per_room=500
PATH="$here/../../node_modules/.bin:$PATH"

if ! [ -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet matrix-synapse
fi

# compare VERSION ROOMS
compare() {
  nice -n 10 node "$here/export-rooms.ts" "$1" "$2" "$per_room" "$seed" |
    nice -n 10 "$venv/bin/python" "$here/resolve_with_synapse.py" --chains "$chains" || failed=1
}

failed=0
rooms=$((events / per_room))
compare 1 "$rooms"
for version in 2 3 4 5 6 7 8 9 10 11; do compare "$version" $(((rooms + 9) / 10)); done
compare 12 "$rooms"
exit $failed
