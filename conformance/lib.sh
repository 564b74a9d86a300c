# What conformance/run and the scripts in errors/ share. Sourced by bash; $deadline is in seconds.

say() { printf '%s\n' "$*"; }

wait_for() { # PREDICATE... until true or the deadline
	local end=$((SECONDS + deadline))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.005
	done
}
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
has() { [ -e "$1" ]; }
filled_or_gone() { [ -s "$1" ] || gone "$2"; }
has_or_gone() { [ -e "$1" ] || gone "$2"; }

# The current (sub)shell goes into the case's cgroups.
enter_cgroups() {
	[ -n "${CASE_V1:-}" ] && echo "$BASHPID" >"$CASE_V1/cgroup.procs"
	[ -n "${CASE_V2:-}" ] && echo "$BASHPID" >"$CASE_V2/cgroup.procs"
	return 0
}

# What a checkpoint must not change in a task that goes on.
portrait() {
	local p f
	for p in $(tree_of "$1"); do
		say "pid $p"
		grep -E '^(State|TracerPid|Sig[PBIC]|Shd|NSpid|Threads)' "/proc/$p/status" | sed 's/R (running)/S (sleeping)/'
		cat "/proc/$p/cgroup"
		grep -v -E '\[heap\]' "/proc/$p/maps"
		for f in /proc/"$p"/fd/*; do say "${f##*/} $(readlink "$f")"; done
	done 2>/dev/null
}
tree_of() {
	local p c
	echo "$1"
	for c in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree_of "$c"; done
}

