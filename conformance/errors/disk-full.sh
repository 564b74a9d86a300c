# Proves: wherever in a dump the disk runs full, it is said, nothing is left, and the tree goes on.
. "$HERE/errors/lib.sh"
victim "$BUILD/conformance/errors/helper_pages"
mkdir "$T/mnt"
cat >"$T/sweep" <<'END'
set -u
for k in 4 8 12 20 28 36 44 52 64 80 100 140 200 400 800 1600 3200 4800 6000 6300; do
	mount -t tmpfs -o size=${k}k none "$T/mnt" || exit 1
	timeout 20 "$STASIS" dump --leave-running -t "$1" -D "$T/mnt" >"$T/out" 2>&1 </dev/null
	st=$?
	[ $st = 6 ] || { echo "$k KiB: status $st, not 6: $(cat "$T/out")"; exit 1; }
	grep -q -i 'no space' "$T/out" && grep -q -i 'free space' "$T/out" || { echo "$k KiB: $(cat "$T/out")"; exit 1; }
	left=$(ls -A "$T/mnt" | grep -v -E '^stats-|\.log$')
	[ -z "$left" ] || { echo "$k KiB: left behind: $left"; exit 1; }
	umount "$T/mnt"
done
END
export T STASIS
unshare --mount bash "$T/sweep" "$pid" >"$T/sweep.out" 2>&1 || die "$(cat "$T/sweep.out")"
unharmed "full disks"
# So many inodes, too.
unshare --mount bash -c 'mount -t tmpfs -o nr_inodes=5 none "$T/mnt" && exec timeout 20 "$STASIS" dump --leave-running -t "$1" -D "$T/mnt"' sh "$pid" >"$T/out" 2>&1 </dev/null
[ $? = 6 ] || die "no inodes: $(cat "$T/out")"
grep -q -i 'no space' "$T/out" || die "no inodes: $(cat "$T/out")"
unharmed "no inodes"
# A limit on file sizes is an error, too, no signal.
img=$(images)
(ulimit -f 1000; exec timeout 20 "$STASIS" dump --leave-running -t "$pid" -D "$img" >"$T/out" 2>&1 </dev/null)
st=$?
[ $st = 6 ] || die "limit on file sizes: status $st, not 6: $(cat "$T/out")"
grep -q 'ulimit -f' "$T/out" || die "limit on file sizes: $(cat "$T/out")"
empty_dir "$img" "limit on file sizes"
unharmed "limit on file sizes"
finishes "full disks"
exit 0
