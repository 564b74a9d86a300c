# Proves: a filesystem whose server hangs, under the tree, under the images or in the middle of their writing, is named
# within the deadline; the tree goes on, no process stays, and what could not be removed `recover` removes later.
# Nobody else's trees shall see its mounts.
[ -n "${OWN_MOUNTS:-}" ] || exec env OWN_MOUNTS=1 unshare --mount --propagation private bash "$0"
. "$HERE/errors/lib.sh"
mkdir "$T/fs" "$T/fs2"
serve() { # MOUNTPOINT ARGS...: sets server
	"$BUILD/conformance/errors/helper_fuse" "$@" </dev/null >/dev/null 2>&1 &
	server=$!
	disown
	wait_for has_or_gone "$1.ready" $server
	has "$1.ready" || skip "FUSE is missing on this machine"
	servers="$servers $server"
}
servers=""
cleanup() {
	kill -9 $servers 2>/dev/null
	umount -l "$T/fs" "$T/fs2" 2>/dev/null
}
trap cleanup EXIT
stopped() { grep -q '^State:.T' "/proc/$1/status"; }
none_left() { # no process of stasis in our cgroups
	local p
	for p in $(cat "${CASE_V1:-/nonexistent}/cgroup.procs" "${CASE_V2:-/nonexistent}/cgroup.procs" 2>/dev/null | sort -u); do
		case $(cat "/proc/$p/comm" 2>/dev/null) in stasis*) return 1 ;; esac
	done
}
serve "$T/fs"
victim "$BUILD/conformance/errors/helper_onfs" "$T/fs"
kill -STOP $server
wait_for stopped $server
start=$SECONDS
expect 8 "$T/fs" "not answered" "FUSE" -- check --timeout 1 --tree "$pid"
expect 8 "$T/fs" "not answered" "FUSE" -- dump --timeout 1 -t "$pid" -D "$(images)"
[ $((SECONDS - start)) -lt 16 ] || die "it took $((SECONDS - start)) s"
unharmed "a file and the working directory on a hung filesystem"
# Images there.
sane=$pid
wait_for none_left || die "a process of stasis is left"
kill -CONT $server
expect 0 -- dump --no-sync --leave-running -t "$pid" -D "$(images)"
finishes "a filesystem that works again"
sleeper
kill -STOP $server
wait_for stopped $server
expect 8 "$T/fs" "not answered" -- dump --timeout 1 -t "$pid" -D "$T/fs"
unharmed "images on a hung filesystem"
expect 8 "$T/fs" "not answered" -- dump --timeout 1 -t "$pid" -D "$(images)" -o "$T/fs/dump.log"
expect 8 "$T/fs" "not answered" -- restore --timeout 1 -d -D "$T/fs"
kill -CONT $server
finishes "images on a hung filesystem"
# In the middle of the pages.
victim "$BUILD/conformance/errors/helper_pages"
serve "$T/fs2" 20
expect 8 "$T/fs2" "not answered" -- dump --timeout 1 -t "$pid" -D "$T/fs2"
stopped $server || die "the server did not hang"
unharmed "hung in the middle of the images"
kill -CONT $server
# A call that the server has begun with holds one process up until it answers.
wait_for none_left || die "a process of stasis is left"
recovered() { # not while the one that was held up is still ending
	"$STASIS" recover >"$T/out" 2>&1 && [ -z "$(ls -A "$T/fs2" | grep -v -E '^stats-|\.log$')" ]
}
wait_for recovered || die "recover left behind: $(ls -A "$T/fs2") $(cat "$T/out")"
finishes "hung in the middle of the images"
exit 0
