# A lock that somebody else holds by now ends a restore: the file and the holder are named, nothing is left.
. "$HERE/errors/lib.sh"

held() { # COMMAND...: it runs with descriptor 9 on the file, locked by who then ends
	(
		exec 9<"$dir/locked"
		flock -n 9 || exit 1
		exec sleep 100
	) >/dev/null 2>&1 &
	holder=$!
	disown
	for i in $(seq 200); do
		[ "$(cat "/proc/$holder/comm" 2>/dev/null)" = sleep ] && return
		sleep 0.01
	done
	die "the lock could not be taken"
}

victim "$BUILD/cases/fd_refuse_lock"
img=$(images)
expect 4 "$dir/locked" "FLOCK" "use --file-locks" -- dump --no-sync -t "$pid" -D "$img"
unharmed "after a refusal"
expect 0 -- dump --no-sync --file-locks -t "$pid" -D "$img"
wait_for gone "$pid" || die "the victim still lives after its dump"
held
expect 7 "$dir/locked" "flock, write" "pid $holder \(sleep\) holds a lock" "end that process" -- restore -d -D "$img"
nothing_restored "after a conflict"
kill "$holder"
wait_for gone "$holder"
expect 0 -- restore -d -D "$img"
finishes "after the lock was free again"
