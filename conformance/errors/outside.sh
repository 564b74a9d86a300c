# Pipes, terminals and files that are half outside the tree: refused, told and given at the restore; a shell's job.
. "$HERE/errors/lib.sh"
command -v python3 >/dev/null || skip "python3 is missing"
for part in parts job; do
	mkdir "$T/$part"
	enter_cgroups
	python3 "$HERE/errors/helper_outside.py" "$STASIS" "$BUILD/conformance/errors/helper_outside" "$T/$part" $part ||
		die "$part failed; $(cat "$T/$part/result" 2>/dev/null)"
	[ "$(cat "$T/$part/result")" = ok ] || die "$part: $(cat "$T/$part/result")"
done
