# Proves: a missing, unwritable, full or used image directory is named with its reason; the victim goes on.
. "$HERE/errors/lib.sh"
sleeper
expect 2 "$T/none" "No such" -- dump -t "$pid" -D "$T/none"
unharmed "missing directory"
: >"$T/file"
expect 2 "$T/file" "[Nn]ot a directory" -- dump -t "$pid" -D "$T/file"
unharmed "a file as directory"
img=$(images)
: >"$img/inventory.img"
expect 2 "$img" "inventory.img" "empty directory" -- dump -t "$pid" -D "$img"
[ "$(ls -A "$img")" = inventory.img ] && [ ! -s "$img/inventory.img" ] || die "another's image was touched"
unharmed "used directory"

# In a mount namespace of our own: a read-only one, and one too small for the victim's pages.
small() {
	mkdir -p "$T/mnt"
	unshare --mount sh -c '
		mount -t tmpfs -o "$1" none "$2" && shift 2 && { "$@"; st=$?; ls -A '"$T/mnt"' | grep -v -E "^stats-|\.log$" >'"$T/left"'; exit $st; }
	' sh "$1" "$T/mnt" timeout 20 "$STASIS" dump -t "$pid" -D "$T/mnt" >"$T/out" 2>&1 </dev/null
}
small ro,size=1M
[ $? = 6 ] || die "read-only directory: status $?, not 6: $(cat "$T/out")"
grep -q -i 'read-only' "$T/out" || die "read-only directory: $(cat "$T/out")"
unharmed "read-only directory"
small size=16k
st=$?
[ $st = 6 ] || die "full directory: status $st, not 6: $(cat "$T/out")"
grep -q -i 'no space' "$T/out" || die "full directory: $(cat "$T/out")"
grep -q -i 'free space' "$T/out" || die "full directory: no remedy: $(cat "$T/out")"
[ ! -s "$T/left" ] || die "full directory: left behind: $(cat "$T/left")"
unharmed "full directory"
finishes "image directories"
expect 2 "$T/none" -- restore -D "$T/none"
img=$(images)
expect 5 "$img" "inventory.img" -- restore -D "$img"
exit 0
