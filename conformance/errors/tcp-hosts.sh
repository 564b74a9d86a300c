# Two hosts, which are network namespaces joined by veth: a checkable stream goes both ways at full speed while the
# server is checkpointed, ended and restored many times, and left running; no byte is lost, no RST is sent. Then what
# fails: no option, a second restore beside the first, a lock that nobody needs any more.
. "$HERE/errors/lib.sh"
cycles=${CYCLES:-8}
port=7007

host() { # NAME: a namespace with a process that holds it
	unshare --net sleep 300 </dev/null >/dev/null 2>&1 &
	eval "$1=$!"
	disown
	for _ in $(seq 200); do
		[ "$(cat "/proc/${!1}/comm" 2>/dev/null)" = sleep ] && return
		sleep 0.01
	done
	die "no network namespace"
}
in_host() { # PID COMMAND...
	local at=$1
	shift
	nsenter --net="/proc/$at/ns/net" "$@"
}
resets() { awk '/^Tcp:/ && $2 ~ /^[0-9]/ { print $15 }' "/proc/$1/net/snmp"; }
count_of() { cat "$1/count" 2>/dev/null || say 0; }
flows() { # the client still gets something
	local before
	before=$(count_of "$T/client")
	for _ in $(seq 500); do
		[ "$(count_of "$T/client")" != "$before" ] && return
		has "$T/client/result" && die "$1: the client: $(cat "$T/client/result")"
		sleep 0.02
	done
	die "$1: the stream stands still at $before; server at $(count_of "$dir")"
}

host a
host b
trap 'kill "$a" "$b"' EXIT
ip link add veth0 netns "$a" type veth peer name veth0 netns "$b" || skip "no veth"
for h in "$a 10.77.0.1" "$b 10.77.0.2"; do
	set -- $h
	in_host "$1" ip link set lo up
	in_host "$1" ip addr add "$2/24" dev veth0
	in_host "$1" ip link set veth0 up
done
printf '#!/bin/sh\nexec nsenter --net=/proc/%s/ns/net %s "$@"\n' "$a" "$STASIS" >"$T/stasis"
chmod +x "$T/stasis"
STASIS=$T/stasis

dir=$(mktemp -d -p "$T")
mkdir "$T/client"
(
	enter_cgroups
	exec nsenter --net="/proc/$a/ns/net" "$BUILD/conformance/errors/helper_stream" "$dir" serve 10.77.0.1 $port </dev/null >/dev/null 2>&1
) &
pid=$!
disown
wait_for has_or_gone "$dir/listening" "$pid"
in_host "$b" "$BUILD/conformance/errors/helper_stream" "$T/client" talk 10.77.0.1 $port </dev/null >/dev/null 2>&1 &
client=$!
disown
wait_for has_or_gone "$dir/ready" "$pid"
flows "at the start"

img=$(images)
expect 4 "established TCP connection 10.77.0.1:$port -> 10.77.0.2:" "fd [0-9]" "use --tcp-established" -- dump --no-sync -t "$pid" -D "$img"
flows "after a refusal"
expect 0 -- dump --no-sync --tcp-established --leave-running -t "$pid" -D "$(images)"
flows "left running"
for i in $(seq "$cycles"); do
	img=$(images)
	expect 0 -- dump --no-sync --tcp-established -t "$pid" -D "$img"
	wait_for gone "$pid" || die "cycle $i: the server still lives"
	# The client asks again and again meanwhile.
	[ "$i" = 1 ] && sleep 0.7
	if [ "$i" = 2 ]; then
		expect 2 "established connection" "use --tcp-established" -- restore -d -D "$img"
	fi
	expect 0 -- restore -d --tcp-established -D "$img" --pidfile "$img/pid"
	pid=$(cat "$img/pid")
	flows "cycle $i"
	rm -r "$img"/pages-*
done
# Killed at any moment, and with its watchdog, stasis leaves a connection that goes on, or can be restored.
killed_after() { # SECONDS ARGS...
	local after=$1
	shift
	(
		enter_cgroups
		exec setsid "$STASIS" "$@" </dev/null >/dev/null 2>&1
	) &
	local victim=$!
	disown
	sleep "$after"
	kill -9 -- -"$victim" 2>/dev/null
	sleep 0.05
	expect 0 -- recover
}
for after in 0.005 0.01 0.015 0.02 0.03 0.04 0.06 0.09; do
	killed_after $after dump --no-sync --tcp-established --leave-running -t "$pid" -D "$(images)"
	flows "a dump killed after $after s"
done
for after in 0.02 0.03 0.04 0.05 0.06 0.08; do
	img=$(images)
	killed_after $after dump --no-sync --tcp-established -t "$pid" -D "$img"
	sleep 0.2
	[ -e "/proc/$pid" ] || expect 0 -- restore -d --tcp-established -D "$img"
	flows "a dump and kill that was killed after $after s"
done
for after in 0.01 0.03 0.05 0.08 0.12; do
	img=$(images)
	expect 0 -- dump --no-sync --tcp-established -t "$pid" -D "$img"
	wait_for gone "$pid" || die "the server still lives"
	killed_after $after restore -d --tcp-established -D "$img"
	for _ in $(seq 20); do
		gone "$pid" && break
		sleep 0.02
	done
	gone "$pid" && expect 0 -- restore -d --tcp-established -D "$img"
	expect 0 -- unlock -D "$img"
	flows "a restore killed after $after s"
done
what="with its connection in place: "
img=$(images)
expect 0 -- dump --no-sync --tcp-established --leave-running -t "$pid" -D "$img"
expect 7 "pid $pid" -- restore -d --tcp-established -D "$img"
flows "after a restore that failed"
expect 0 "nothing was locked" -- unlock -D "$img"
: >"$dir/go"
wait_for filled_or_gone "$dir/result" "$pid"
wait_for filled_or_gone "$T/client/result" "$client"
[ "$(cat "$dir/result")" = ok ] || die "the server: $(cat "$dir/result")"
[ "$(cat "$T/client/result")" = ok ] || die "the client: $(cat "$T/client/result")"
[ "$(resets "$a") $(resets "$b")" = "0 0" ] || die "RSTs were sent: $(resets "$a") by the server's host, $(resets "$b") by the client's"
