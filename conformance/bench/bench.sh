#!/bin/bash
# Freeze time and total time of dump and restore for loads of several shapes, program start and exit included, images on
# tmpfs, beside what this machine itself can do, measured in the same run. Medians.
# Usage: bench.sh [LOAD...]; ROUNDS=N (default 7, the big ones fewer).
#        bench.sh --steps [N...]: each step of N processes side by side, per process (default 100 1000 5000): no step
#        may cost more each when there are more.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$top/build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
export BUILD
if [ -z "${CASE_TOP:-}" ]; then
	CASE_TOP=1 exec "$BUILD/conformance/super" "stasis-bench-$$" "$0" "$@"
fi
deadline=120
. "$top/conformance/lib.sh"
STASIS=${STASIS:-$BUILD/stasis}
measure=$BUILD/conformance/bench/measure
base=${BENCH_DIR:-/dev/shm}
[ "$(stat -f -c %T "$base")" = tmpfs ] || say "note: $base is not a tmpfs"
T=$(mktemp -d "$base/stasis-bench.XXXXXX")
trap 'rm -rf "$T"' EXIT
trap 'exit 130' INT TERM HUP
failed=0

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
as_ms() { awk -v us="$1" 'BEGIN { printf "%.1f", us / 1000 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b ? a / b : 0 }'; }

# What a load is called here, and what helper `load` is told.
load_args() {
	case $1 in
	processes) echo processes 100 10 ;;
	processes-1000) echo processes 1000 10 ;;
	threads) echo threads 1 100 ;;
	threads-5000) echo threads 50 100 ;;
	side-*) echo processes "${1#side-}" 0 ;;
	*) echo "$1" ;;
	esac
}

# keytool waits for a password that never comes.
start_jvm() {
	mkfifo "$T/jvm/input"
	: >"$T/jvm/result"
	(
		enter_cgroups
		exec setsid keytool -J-Xms1g -J-Xmx1g -J-XX:+AlwaysPreTouch -genkeypair -alias x -keyalg RSA -keystore "$T/jvm/keys" \
			0<>"$T/jvm/input" >"$T/jvm/result" 2>&1
	) &
	root=$!
	disown
	wait_for grep -q assword "$T/jvm/result" && : >"$T/jvm/ready"
}

start_load() { # KIND: sets root
	mkdir -p "$T/$1"
	if [ "$1" = jvm ]; then
		start_jvm
	else
		(
			enter_cgroups
			exec "$BUILD/conformance/bench/load" "$T/$1" $(load_args "$1") </dev/null >/dev/null 2>&1
		) &
		root=$!
		disown
		wait_for has_or_gone "$T/$1/ready" $root
	fi
	has "$T/$1/ready" || { say "$1: the load failed: $(cat "$T/$1/result")"; return 1; }
	sleep 0.1
}

one_round() { # KIND: appends to frozen, dump, restore
	local img=$T/img us
	rm -rf "$img"
	mkdir "$img"
	us=$("$measure" run "$T/out" "$STASIS" dump --display-stats -t "$root" -D "$img" </dev/null) ||
		{ say "$1: dump failed: $(cat "$T/out")"; return 1; }
	wait_for gone "$root"
	echo "$us" >>"$T/$1.dump"
	grep -o 'frozen [0-9]*' "$T/out" | cut -d' ' -f2 >>"$T/$1.frozen"
	rm -f "$T/pid"
	us=$(enter_cgroups; "$measure" run "$T/out" "$STASIS" restore -d -D "$img" --pidfile "$T/pid" </dev/null) ||
		{ say "$1: restore failed: $(cat "$T/out")"; return 1; }
	echo "$us" >>"$T/$1.restore"
	root=$(cat "$T/pid")
	du -sk "$img" | cut -f1 >"$T/$1.size"
	rm -rf "$img"
}

bench() { # KIND ROUNDS
	local i
	start_load "$1" || return 1
	for ((i = 0; i <= $2; i++)); do
		one_round "$1" || return 1
		# The first is cold.
		[ $i -gt 0 ] || rm -f "$T/$1".{dump,frozen,restore}
	done
	kill -9 $(tree_of "$root") 2>/dev/null
	wait_for gone "$root"
	rm -rf "${T:?}/$1"
}

step_times() { # N LOG...: "command step microseconds each"
	local n=$1
	sed -n 's/.*step [0-9]*\/[0-9]* \(.*\): done, \([0-9]*\) us$/\1\t\2/p' "$2" | awk -F'\t' -v n="$n" -v c="$3" '{ printf "%s: %s\t%.1f\n", c, $1, $2 / n }'
}

steps() { # N...
	local n files=()
	for n; do
		start_load "side-$n" || return 1
		rm -rf "$T/img"
		mkdir "$T/img"
		"$STASIS" dump -v3 --timeout 60 -t "$root" -D "$T/img" </dev/null >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
		step_times "$n" "$T/out" dump >"$T/steps.$n"
		wait_for gone "$root"
		(enter_cgroups; exec "$STASIS" restore -d -v3 --timeout 60 -D "$T/img" --pidfile "$T/pid" </dev/null >"$T/out" 2>&1) || { cat "$T/out"; return 1; }
		step_times "$n" "$T/out" restore >>"$T/steps.$n"
		root=$(cat "$T/pid")
		rm "$T/pid"
		kill -9 $(tree_of "$root") 2>/dev/null
		wait_for gone "$root"
		rm -rf "${T:?}/side-$n"
		files+=("$T/steps.$n")
	done
	say "microseconds per process of each step, processes side by side: $*"
	awk -F'\t' 'FNR == 1 { f++ } { v[$1, f] = $2; if (f == 1) order[++k] = $1 }
		END { for (i = 1; i <= k; i++) { printf "%-34s", order[i]; for (x = 1; x <= f; x++) printf " %10s", v[order[i], x]; print "" } }' "${files[@]}"
}
if [ "${1:-}" = --steps ]; then
	shift
	[ $# -gt 0 ] || set -- 100 1000 5000
	steps "$@"
	exit
fi

say "$("$STASIS" --version | sed -n 2p), kernel $(uname -r), $(nproc) CPUs, images in $base"
unit=$("$measure" spawn 200 "$BUILD/conformance/bench/nothing")
start=$("$measure" spawn 100 "$STASIS" --version)
read -r copy write read < <("$measure" memory "$T/limits")
say "this machine: fork+exec+exit of a small static program $(as_ms "$unit") ms; stasis --version $(as_ms "$start") ms"
say "              memcpy $copy MiB/s, write to $base $write MiB/s, read from it into fresh memory $read MiB/s"
say
printf '%-34s %10s %10s %10s %10s %10s %9s\n' "load" "frozen ms" "dump ms" "restore ms" "dump/unit" "rest./unit" "images"
rounds=${ROUNDS:-7}
[ $# -gt 0 ] || set -- small processes processes-1000 threads threads-5000 mappings files memory jvm
for load; do
	n=$rounds
	case $load in
	small) what="one small process" ;;
	processes) what="100 processes, 10 files each" ;;
	processes-1000) what="1 000 processes, 10 files each" n=${ROUNDS:-2} ;;
	threads) what="100 threads" ;;
	threads-5000) what="5 000 threads in 50 processes" n=${ROUNDS:-2} ;;
	jvm) what="a JVM of 1 GiB" n=${ROUNDS:-2} ;;
	mappings) what="10 000 mappings" ;;
	files) what="1 000 files" ;;
	memory) what="1 GiB of memory" n=${ROUNDS:-3} ;;
	*) echo "bench: unknown load $load" >&2; exit 2 ;;
	esac
	if [ "$load" = jvm ] && ! command -v keytool >/dev/null; then
		say "$what: skipped, keytool is missing (package default-jre-headless)"
		continue
	fi
	bench "$load" "$n" || { failed=1; continue; }
	f=$(median <"$T/$load.frozen") d=$(median <"$T/$load.dump") r=$(median <"$T/$load.restore")
	printf '%-34s %10s %10s %10s %10s %10s %6s MiB\n' "$what" "$(as_ms "${f:-0}")" "$(as_ms "$d")" "$(as_ms "$r")" \
		"$(ratio "$d" "$unit")" "$(ratio "$r" "$unit")" "$(awk -v k="$(cat "$T/$load.size")" 'BEGIN { printf "%.1f", k / 1024 }')"
	case $load in
	small) aims="aim: 3 ms each way" ;;
	processes) aims="aim: 60 ms dump, 30 ms restore" ;;
	memory) aims="$(ratio $((1024 * 1000000 / d)) "$write") of the machine's write speed, $(ratio $((1024 * 1000000 / r)) "$read") of its read speed; aim: 0.67 each" ;;
	*) aims="" ;;
	esac
	[ -z "$aims" ] || say "    $aims"
done
exit $failed
