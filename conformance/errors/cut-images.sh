# Proves: every image cut at each of its message boundaries, grown, or with any bit of head, middle or end flipped is
# refused by its name, with and without a manifest; so is the manifest of another checkpoint.
. "$HERE/errors/lib.sh"
victim "$BUILD/conformance/errors/helper_pages"
dumped
good=$img
img=$(images)
fresh() { rm -rf "${img:?}"/*; cp -a "$good/." "$img"; }
refused() { # WHAT TEXT...
	local what=$1
	shift
	expect 5 "$@" -- restore -d -D "$img"
	nothing_restored "$what"
}
# The offsets at which a message begins: after the magic numbers, each has its length in front.
boundaries() {
	python3 - "$1" <<'END'
import sys, struct
b = open(sys.argv[1], 'rb').read()
at, out = 8, [0, 4, 8]
while at + 4 <= len(b) and len(out) < 5:
    at += 4 + struct.unpack_from('<I', b, at)[0]
    out.append(at)
print(*[x for x in sorted(set(out + [len(b) - 1])) if x < len(b)])
END
}
flip() { # FILE OFFSET
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
n=0 seen=" "
for f in "$good"/*.img; do
	name=${f##*/}
	size=$(stat -c %s "$f")
	case $name in manifest.img | stats-*) continue ;; esac
	[ "$size" -gt 0 ] || continue
	# One file of each sort.
	case $seen in *" ${name%%[-.]*} "*) continue ;; esac
	seen="$seen${name%%[-.]*} "
	for at in $(boundaries "$f"); do
		fresh
		truncate -s "$at" "$img/$name"
		refused "$name cut at $at of $size" "$name"
		n=$((n + 1))
	done
	fresh
	echo more >>"$img/$name"
	refused "$name grown" "$name"
	for at in 9 $((size - 1)); do
		[ "$at" -lt "$size" ] || continue
		fresh
		flip "$img/$name" "$at"
		refused "$name with a bit of byte $at flipped" "$name"
		n=$((n + 1))
	done
done
[ $n -gt 40 ] || die "only $n cuts and flips were tried"
size=$(stat -c %s "$good/manifest.img")
for at in 8 $((size - 1)); do
	fresh
	truncate -s "$at" "$img/manifest.img"
	refused "the manifest cut at $at" "manifest.img"
	fresh
	flip "$img/manifest.img" "$at"
	# A bit in the checksum of a file accuses that file.
	refused "the manifest with a bit of byte $at flipped" "\.img"
done
# Of the same program, a moment later.
expect 0 -- restore -d -D "$good" --pidfile "$T/pid"
pid=$(cat "$T/pid")
sleep 0.05
dumped
other=$img
img=$(images)
fresh
cp "$other/manifest.img" "$img/manifest.img"
refused "the manifest of another checkpoint" "\.img"
fresh
mv "$img" "$img.away"
expect 2 "$img" -- restore -d -D "$img"
# Restores while its images are moved away are whole or nothing.
mkdir "$img"
cp -a "$other/." "$img"
expect 0 -- restore -d -D "$img" --pidfile "$T/pid2"
pid=$(cat "$T/pid2")
finishes "the good images"
exit 0
