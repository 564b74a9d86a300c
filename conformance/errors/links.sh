# Proves: a name made by --link-remap goes when the dump fails, and stays for the restore when it does not.
. "$HERE/errors/lib.sh"
victim "$BUILD/cases/fd_refuse_link"
img=$(images)
expect 4 "lives on under another one" "use --link-remap" -- dump --no-sync -t "$pid" -D "$img"
# No room for the images.
(
	enter_cgroups
	exec unshare -m --propagation private sh -c 'mount -t tmpfs -o size=64k none "$2" && exec timeout -k 5 20 "$0" dump --no-sync --link-remap -t "$1" -D "$2"' \
		"$STASIS" "$pid" "$img" </dev/null >"$T/out" 2>&1
) && die "64k are enough for the images"
grep -q "No space" "$T/out" || die "the dump failed for another reason: $(cat "$T/out")"
unharmed "after a dump without room"
ls "$dir" | grep -q link_remap && die "the failed dump left a name: $(ls "$dir")"
expect 0 -- dump --no-sync --link-remap -t "$pid" -D "$img"
wait_for gone "$pid" || die "the victim still lives after its dump"
ls "$dir" | grep -q link_remap || die "the name for the restore is missing: $(ls "$dir")"
expect 0 -- restore -d -D "$img"
ls "$dir" | grep -q link_remap && die "the restore left the name: $(ls "$dir")"
finishes "after the restore"
