# For the scripts in this directory: bad input of one sort each. A script fails by `die`, skips by `skip`.
# Given by conformance/run: T (scratch directory), HERE, STASIS, BUILD, CASE_V1 and CASE_V2 (own cgroups), CASE_CG (path of one in every other v1 hierarchy).
set -u
deadline=${deadline:-20}
. "$HERE/lib.sh"
die() { say "$*"; exit 1; }
skip() { say "$*"; exit 77; }

# A program of the suite in our cgroups, ready: sets pid and dir.
victim() { # PROGRAM ARGS...
	local prog=$1
	shift
	dir=$(mktemp -d -p "$T")
	(
		enter_cgroups
		exec "$prog" "$dir" "$@" </dev/null >/dev/null 2>&1
	) &
	pid=$!
	disown
	wait_for has_or_gone "$dir/ready" "$pid"
	has "$dir/ready" || die "$prog ended before it was ready: $(cat "$dir/result" 2>/dev/null)"
	sleep 0.03
	before=$(portrait "$pid")
}
sleeper() { victim "$BUILD/cases/sleep"; }

# The victim is as it was, and can do what it is there for.
unharmed() {
	local after
	after=$(portrait "$pid")
	[ "$before" = "$after" ] || die "$1: the victim changed: $(diff <(say "$before") <(say "$after"))"
}
finishes() {
	: >"$dir/go"
	wait_for filled_or_gone "$dir/result" "$pid"
	[ "$(cat "$dir/result" 2>/dev/null)" = ok ] || die "$1: the victim does not finish: $(cat "$dir/result" 2>/dev/null)"
	wait_for gone "$pid" || die "$1: the victim does not end"
}

# expect STATUS TEXT... -- ARGS...: stasis ends with that status and its one error names each TEXT (grep -E).
expect() {
	local want=$1 texts=() text st
	shift
	while [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	shift
	(
		enter_cgroups
		exec timeout -k 5 "$deadline" "$STASIS" "$@" </dev/null >"$T/out" 2>&1
	)
	st=$?
	[ $st = "$want" ] || die "${what:-}stasis $*: status $st, not $want: $(cat "$T/out")"
	[ "$want" = 0 ] || [ "$(grep -c '^stasis: cannot ' "$T/out")" = 1 ] || die "${what:-}stasis $*: not one error: $(cat "$T/out")"
	for text in "${texts[@]}"; do
		grep -q -E -e "$text" "$T/out" || die "${what:-}stasis $*: the error does not name \"$text\": $(cat "$T/out")"
	done
}

# A directory for images; empty_dir: no image, and nothing else of ours, is left in it.
images() { mktemp -d -p "$T"; }
empty_dir() {
	local left
	left=$(ls -A "$1" | grep -v -E '^stats-|\.log$')
	[ -z "$left" ] || die "$2: left behind in the image directory: $left"
}
# No process has mapped or opened anything of the victim's directory.
nothing_restored() {
	local p
	for p in $(cat "${CASE_V1:-/nonexistent}/cgroup.procs" "${CASE_V2:-/nonexistent}/cgroup.procs" 2>/dev/null | sort -u); do
		gone "$p" || die "$1: a process is left: pid $p $(tr '\0' ' ' <"/proc/$p/cmdline")"
	done
}
# Dump the victim for a restore that is to fail.
dumped() {
	img=$(images)
	expect 0 -- dump --no-sync -t "$pid" -D "$img"
	wait_for gone "$pid" || die "the victim still lives after its dump"
}
