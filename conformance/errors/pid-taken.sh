# Proves: a pid that is taken is named with its owner, nothing half-made is left, and it works once the pid is free.
. "$HERE/errors/lib.sh"
sleeper
dumped
"$BUILD/conformance/errors/helper_takepid" "$pid" &
holder=$!
wait_for has "/proc/$pid" || die "cannot take pid $pid"
expect 7 "pid $pid" "taken|in use|exists" -- restore -d -D "$img"
kill -0 "$pid" || die "the restore killed the pid's owner"
kill $holder
wait_for gone "$pid"
nothing_restored "pid taken"
expect 0 -- restore -d -D "$img" --pidfile "$T/pid"
finishes "pid free again"
exit 0
