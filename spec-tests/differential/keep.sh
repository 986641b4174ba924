#!/bin/sh
# Keeps the smallest room that shows a divergence of run.sh. Usage: keep.sh NAME 'LINE OF run.sh'
set -eu

here=$(dirname "$0")
PATH="$here/../../node_modules/.bin:$PATH" exec node "$here/keep-history.ts" "$@"
