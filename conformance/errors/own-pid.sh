# Proves: stasis refuses to freeze itself and its ancestors.
. "$HERE/errors/lib.sh"
img=$(images)
for wrap in 'exec "$@"' '"$@"; exit $?'; do
	out=$(enter_cgroups; timeout 20 sh -c 'set -- "$0" dump -t $$ -D "$1"; '"$wrap" "$STASIS" "$img" 2>&1 </dev/null)
	st=$?
	[ $st = 3 ] || die "sh -c '$wrap': status $st, not 3: $out"
	case $out in
	*own*|*itself*|*ancestor*|*above*) ;;
	*) die "the error does not say why: $out" ;;
	esac
	empty_dir "$img" "own pid or ancestor"
done
exit 0
