# Proves: a number that somebody's session keeps is named as such; and a pid namespace is not ended under somebody who came
# into it from outside.
. "$HERE/errors/lib.sh"
# ---- a session without its leader
sleeper
dumped
"$BUILD/conformance/errors/helper_takepid" "$pid" session >"$T/orphan" || die "cannot take session $pid"
wait_for [ -s "$T/orphan" ]
orphan=$(cat "$T/orphan")
expect 7 "pid $pid" "process $orphan .* as the id of its session" -- restore -d -D "$img"
nothing_restored "a session that is taken"
kill "$orphan"
wait_for gone "$orphan"
expect 0 -- restore -d -D "$img" --pidfile "$T/pid"
finishes "session free again"
# ---- a guest in the pid namespace
dir=$(mktemp -d -p "$T")
(enter_cgroups; exec unshare --pid --fork --mount-proc "$BUILD/cases/sleep" "$dir" </dev/null >/dev/null 2>&1) &
outer=$!
disown
wait_for has_or_gone "$dir/ready" "$outer"
pid=$(cat "/proc/$outer/task/$outer/children")
pid=${pid% }
nsenter --pid -t "$pid" sleep 1000 &
guest=$!
wait_for grep -q sleep "/proc/$guest/comm"
wait_for [ -n "$(cat "/proc/$guest/task/$guest/children")" ]
before=$(portrait "$pid")
img=$(images)
expect 4 "sleep" "would end with it" -- dump --no-sync -t "$pid" -D "$img"
unharmed "a guest in its pid namespace"
expect 0 -- dump --no-sync --leave-running -t "$pid" -D "$img"
unharmed "a guest, and left running"
kill $(cat "/proc/$guest/task/$guest/children")
wait_for gone "$guest"
finishes "a guest in its pid namespace"
exit 0
