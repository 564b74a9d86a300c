# Proves: the service listens, serves several clients, survives bad ones, tells when it is ready, cleans up behind itself.
. "$HERE/errors/lib.sh"
sleeper
sk=$T/service
ready() { [ -S "$sk" ] && [ -s "$T/pid" ]; }
# Out of the cgroups that the victim's dump freezes or counts.
timeout 200 "$STASIS" service --address "$sk" -d --pidfile "$T/pid" --status-fd 5 -o "$T/service.log" -v4 -W "$T" 5>"$T/status" </dev/null ||
	die "service: status $?"
ready || die "the service returned before it was ready"
[ "$(stat -c %s "$T/status")" = 1 ] || die "--status-fd: $(od -c "$T/status")"
service=$(cat "$T/pid")
trap 'kill "$service" 2>/dev/null' EXIT
what="a second service: "
expect 7 "another service" -- service --address "$sk"
timeout 100 python3 -B "$HERE/rpc/bad.py" "$pid" "$(images)" "$sk" || die "bad requests: status $?"
unharmed "bad requests to the service"
timeout 60 python3 -B "$HERE/rpc/service.py" "$pid" "$(images)" "$sk" "$dir" || die "status $?"
gone "$service" && die "the service ended"
timeout 30 python3 -B "$HERE/rpc/activation.py" "$T/activated" || die "socket activation: status $?"
kill "$service"
wait_for gone "$service" || die "the service does not end"
[ ! -e "$sk" ] && [ ! -e "$T/pid" ] || die "left behind: $(ls "$T")"
wait_for has "$dir/result"
[ "$(cat "$dir/result")" = ok ] || die "the victim: $(cat "$dir/result")"
exit 0
