#!/bin/bash
# The demo: redis-server with a busy client in its own namespaces is checkpointed, ends, is restored, and has lost
# nothing that it had acknowledged. Three generations in a row. Ends with the counts, like every part of `make check`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$top/build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
export BUILD
if [ -z "${CASE_TOP:-}" ]; then
	CASE_TOP=1 exec "$BUILD/conformance/super" "stasis-demo-$$" "$0" "$@"
fi
deadline=20
. "$top/conformance/lib.sh"
STASIS=${STASIS:-$BUILD/stasis}
client=$BUILD/conformance/demo/client
generations=${1:-3}
T=$(mktemp -d "${TMPDIR:-/tmp}/stasis-demo.XXXXXX")
chmod 755 "$T"
trap 'rm -rf "$T"' EXIT
trap 'exit 130' INT TERM HUP
sock=$T/private/redis.sock
passed=0 failed=0

say "$("$STASIS" --version | sed -n 2p), kernel $(uname -r), $(nproc) CPUs"
now() { date +%s%N; }
ms() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f ms", (b - a) / 1e6 }'; }
end() {
	say "$passed passed, $failed failed, 0 skipped"
	[ $failed = 0 ]
	exit
}
bad() {
	say "FAILED: $*"
	failed=$((failed + 1))
	end
}
good() { passed=$((passed + 1)); }
keys() { wc -l <"$T/acked"; }
grown() { [ "$(keys)" -gt "$1" ]; }

# The container's init: a tmpfs of its own, the server and the client in it.
mkdir "$T/private"
cat >"$T/init" <<END
hostname stasis-demo
mount -t tmpfs -o size=64M none $T/private
redis-server --port 0 --unixsocket $sock --save '' --appendonly no --dir $T/private --logfile $T/private/redis.log &
$client hammer $sock $T/acked 2>$T/client.err &
wait
END
: >"$T/acked"
(
	enter_cgroups
	cd / && exec unshare --pid --fork --mount --net --ipc --uts --mount-proc setsid sh "$T/init" </dev/null >/dev/null 2>&1
) &
parent=$!
disown
wait_for grown 500 || bad "redis-server did not start: $(cat "$T/client.err")"
root=$(cat /proc/$parent/task/$parent/children)
root=${root%% *}
say "1. $(redis-server --version | cut -d' ' -f1-3) runs in its own pid, mnt, net, ipc and uts namespaces:"
for p in $(tree_of "$root"); do
	say "   $(awk '/^NSpid/ { print "pid " $2 " here, " $NF " inside:" }' "/proc/$p/status") $(tr '\0' ' ' <"/proc/$p/cmdline" | cut -c1-60)"
done
say "   a client inside sets key after key and notes each that was acknowledged"

for ((g = 1; g <= generations; g++)); do
	img=$T/images.$g
	mkdir "$img"
	count=$(keys)
	wait_for grown $((count + 500)) || bad "the client does not get on"
	all=$(tree_of "$root")
	t0=$(now)
	timeout -k 5 20 "$STASIS" dump --no-sync -t "$root" -D "$img" -o dump.log -v3 </dev/null >"$T/out" 2>&1 ||
		bad "generation $g: the checkpoint failed: $(cat "$T/out")"
	t1=$(now)
	wait_for gone "$root" || bad "generation $g: it was not ended"
	for p in $all; do gone "$p" || bad "generation $g: pid $p still lives after the checkpoint"; done
	acked=$(keys)
	sleep 0.1
	[ "$acked" = "$(keys)" ] || bad "generation $g: keys are still acknowledged after the checkpoint"
	say "$((g * 2)). checkpoint $g: $(ms "$t0" "$t1"), $(du -sh "$img" | cut -f1) of images; all $(echo "$all" | wc -l) processes are gone; $acked keys were acknowledged"
	good
	t0=$(now)
	(
		enter_cgroups
		exec timeout -k 5 20 "$STASIS" restore -d -D "$img" -o restore.log -v3 --pidfile "$T/pid" </dev/null >"$T/out" 2>&1
	) || bad "generation $g: the restore failed: $(cat "$T/out")"
	t1=$(now)
	root=$(cat "$T/pid")
	wait_for grown "$acked" || bad "generation $g: the client does not go on: $(cat "$T/client.err")"
	cp "$T/acked" "$T/acked.now"
	found=$(nsenter --target "$root" --mount "$client" verify "$sock" "$T/acked.now" 2>"$T/out") ||
		bad "generation $g: $found acknowledged keys are right: $(cat "$T/out")"
	[ "$(nsenter --target "$root" --uts hostname)" = stasis-demo ] || bad "generation $g: the host name is lost"
	say "$((g * 2 + 1)). restore $g: $(ms "$t0" "$t1"); $found acknowledged keys are right, and the client goes on"
	good
	rm -rf "$img"
done
end
