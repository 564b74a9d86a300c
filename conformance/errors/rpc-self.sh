# Proves: a program that asks the service for its own checkpoint reads the second answer when it is restored from it.
. "$HERE/errors/lib.sh"
sk=$T/service
timeout 60 "$STASIS" service --address "$sk" -d --pidfile "$T/pid" </dev/null || die "service: status $?"
service=$(cat "$T/pid")
trap 'kill "$service" 2>/dev/null' EXIT
asks() { # DIR OUT [leave]: sets pid
	(
		enter_cgroups
		exec setsid python3 -B "$HERE/rpc/self.py" "$1" "$sk" "$2" ${3:-} </dev/null >/dev/null 2>&1
	) &
	pid=$!
	disown
}
restored() { # DIR OUT
	timeout 60 "$STASIS" restore -D "$1" </dev/null >"$T/out" 2>&1 || die "restore: status $?: $(cat "$T/out")"
	grep -q "^{'type': 'DUMP', 'success': True, 'dump': {'restored': True}} closed $pid True$" "$2" || die "restored: $(cat "$2")"
}
asks "$T/one" "$T/one.out"
wait_for gone "$pid" || die "it still lives: $(cat "$T/one/dump.log")"
has "$T/one.out" && die "it went on: $(cat "$T/one.out")"
has "$T/one/inventory.img" || die "no images: $(cat "$T/one/dump.log")"
restored "$T/one" "$T/one.out"
asks "$T/two" "$T/two.out" leave
wait_for has_or_gone "$T/two.out" "$pid"
wait_for gone "$pid"
grep -q "^{'type': 'DUMP', 'success': True, 'dump': {'restored': False}} closed $pid True$" "$T/two.out" || die "left running: $(cat "$T/two.out" "$T/two/dump.log")"
rm "$T/two.out"
restored "$T/two" "$T/two.out"
gone "$service" && die "the service ended"
exit 0
