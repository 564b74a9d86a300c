# Proves: files that the tree depends on and that went, shrank, grew, lost permission or were replaced are named.
. "$HERE/errors/lib.sh"
victim "$BUILD/conformance/errors/helper_files"
dumped
cp -a "$dir" "$T/good"
tampered() { # WHAT FILE
	expect 7 "$2" -- restore -d -D "$img"
	nothing_restored "$1"
	rm -rf "$dir"
	cp -a "$T/good" "$dir"
}
rm "$dir/data"
tampered "a missing file" "$dir/data"
truncate -s 3 "$dir/data"
tampered "a shorter file" "$dir/data"
echo more >>"$dir/data"
tampered "a changed file" "$dir/data"
rm "$dir/map"
tampered "a missing mapped file" "$dir/map"
truncate -s 4096 "$dir/map"
tampered "a shorter mapped file" "$dir/map"
cp /bin/true "$dir/prog"
tampered "a replaced executable" "$dir/prog"
rm "$dir/prog"
tampered "a missing executable" "$dir/prog"
# Same size, another build: one byte of its build id.
at=$((0x$(readelf -SW "$dir/prog" | sed -n 's/.*\.note\.gnu\.build-id *NOTE *[0-9a-f]* \([0-9a-f]*\) .*/\1/p') + 20))
printf '\xa5\x5a' | dd of="$dir/prog" bs=1 seek=$at conv=notrunc status=none
tampered "another build of the same size" "$dir/prog"
rm "$dir/data"
mkdir "$dir/data"
tampered "a directory in a file's place" "$dir/data"
chmod 0600 "$dir/data"
tampered "other permissions" "$dir/data"
chmod 0600 "$dir/data"
expect 0 -- restore -d -D "$img" --skip-file-rwx-check --pidfile "$T/pid"
finishes "other permissions, not compared"
exit 0
