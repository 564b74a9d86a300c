# What the scripts in this directory share: real programs, checkpointed under load. Sourced on both sides: by
# conformance/run, and by inside.sh, which is the root of the checkpointed tree. A script defines
#
#   run         inside, in the directory $W: start everything, `ready`, `until_go`, end it, say what is wrong
#   progress    outside: a number that grows as long as the program works
#   verify      outside, while it runs after a restore: say what is wrong (optional)
#
# and "# needs:" names the commands without which it is skipped. What is said inside goes to $T/said; every word of
# it is a failure. Clients live inside the tree or come anew: connections to the outside cannot be checkpointed.
W=$T/w
programs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s\n' "$*"; }
verify() { :; }
# How much progress is waited for before a dump and after a restore.
step=3

# ---- inside

# The servers are up and the clients work.
ready() { : >"$T/ready"; }
# Forks all the time: some process is nearly always in fork, exec or exit.
until_go() { until [ -e "$T/go" ]; do sleep 0.02; done; }
until_true() { until "$@" 2>/dev/null; do sleep 0.02; done; }
# ended PID...: they end by themselves, with 0.
ended() {
	local p st
	for p; do
		wait "$p"
		st=$?
		[ $st = 0 ] || echo "pid $p ended with status $st"
	done
}
# stress STRESSORS...: stress-ng, which verifies what it does, round after round.
stress() {
	ready
	while [ ! -e "$T/go" ]; do
		stress-ng --verify --temp-path "$W" --log-file "$W/log" "$@" >out 2>&1 || { echo "status $?"; grep -E 'fail|error|unsucc' out; }
		echo >>rounds
	done
}

# ---- outside

# Unless a script counts something else.
progress() { lines "$W/rounds"; }
lines() { cat "$@" 2>/dev/null | wc -l; }
grown() { [ "$(progress)" -gt "$1" ]; }
said() { cat "$T/said" 2>/dev/null | head -c 600; }

# Before each dump: the program gets on, and is at a random point of its work.
under_load() {
	[ -z "$(said)" ] || fail "$1: it said: $(said)"
	wait_for grown "$(($(progress) + step))" || fail "$1: it does not get on"
	sleep "0.$(printf %03d $((RANDOM % 200)))"
}
# All of it is gone after the dump: nothing moves any more.
all_gone() { # WHAT PIDS...
	local what=$1 p before
	shift
	for p; do wait_for gone "$p" || fail "$what: pid $p still lives: $(tr '\0' ' ' <"/proc/$p/cmdline")"; done
	before=$(progress)
	sleep 0.03
	[ "$before" = "$(progress)" ] || fail "$what: something still works after the dump"
}
# What each process does, for who reads of a failure.
doing() {
	local p
	for p in $(tree_of "$root"); do
		say "$p $(cat "/proc/$p/comm") $(cat "/proc/$p/wchan") $(grep -E '^(State|SigPnd|ShdPnd|SigBlk)' "/proc/$p/status" | tr -s '\n\t' ' ')"
	done 2>/dev/null
}
goes_on() {
	local bad
	wait_for grown "$(($(progress) + step))" || fail "$1: it does not go on; it said: $(said)"$'\n'"$(doing)"
	[ -z "$(said)" ] || fail "$1: it said: $(said)"
	bad=$(verify)
	[ -z "$bad" ] || fail "$1: $bad"
}
