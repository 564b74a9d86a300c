# Proves: a truncated, altered, foreign, missing or unfinished image is refused by the file's name; nothing is made.
. "$HERE/errors/lib.sh"
sleeper
dumped
good=$img
bad() { # NAME WHY: a copy of the good images
	img=$(images)
	cp -a "$good/." "$img"
}
refused() { # WHAT TEXT...
	local what=$1
	shift
	expect 5 "$@" -- restore -d -D "$img"
	nothing_restored "$what"
}
for f in "$good"/*.img; do
	name=${f##*/}
	case $name in manifest.img) continue ;; esac
	size=$(stat -c %s "$f")
	[ "$size" -gt 0 ] || continue
	bad
	truncate -s $((size - 1)) "$img/$name"
	refused "$name truncated" "$name"
	bad
	at=$((size / 2))
	byte=$(od -An -tu1 -j $at -N 1 "$f")
	printf "\\x$(printf %x $((byte ^ 16)))" | dd of="$img/$name" bs=1 seek=$at conv=notrunc status=none
	refused "$name with a bit flipped" "$name"
	bad
	rm "$img/$name"
	refused "$name missing" "$name"
done
bad
printf 'not an image at all, but long enough to hold one\n' >"$img/manifest.img"
refused "a foreign manifest" "manifest.img"
bad
: >"$img/manifest.img"
refused "an unfinished checkpoint" "never finished"
# Another tool's directory has no manifest; its framing is then the only guard.
bad
rm "$img/manifest.img"
printf 'garbage garbage garbage' >"$img/pstree.img"
refused "a foreign pstree" "pstree.img"
# After all that the good ones still restore.
expect 0 -- restore -d -D "$good" --pidfile "$T/pid"
pid=$(cat "$T/pid")
finishes "the good images"
exit 0
