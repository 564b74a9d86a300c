#!/bin/bash
# inside.sh SCRIPT DIR: the root of a program's tree. Ends when the runner has seen enough; its result is in DIR.
script=$1 T=$2
. "$(dirname "$script")/lib.sh"
. "$script"
mkdir -p "$W" && cd "$W" || exit 1
export TMPDIR=$W
exec 2>>"$T/said"
run >>"$T/said"
if [ -s "$T/said" ]; then head -c 600 "$T/said"; else echo -n ok; fi >"$T/result.new"
mv "$T/result.new" "$T/result"
