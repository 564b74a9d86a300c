# Proves: libcriu.so.2 has every symbol that its users resolve, and dumps, restores and notifies through them.
. "$HERE/errors/lib.sh"
lib=$BUILD/libcriu.so.2 client=$BUILD/conformance/rpc/helper_libcriu
readelf -d "$lib" | grep -q 'SONAME.*\[libcriu.so.2\]' || die "no SONAME libcriu.so.2"
more=$(nm -D --defined-only "$lib" | grep -o 'criu_.*' | grep -v -x -F -f "$HERE/rpc/libcriu.symbols" | grep -v -x -e criu_errmsg -e criu_local_set_unprivileged)
[ -z "$more" ] || die "more symbols than announced: $more"
"$client" "$lib" symbols <"$HERE/rpc/libcriu.symbols" >"$T/out" || die "symbols: $(cat "$T/out")"
sleeper
enter_cgroups
timeout 60 "$client" "$lib" run "$pid" "$(images)" "$dir/go" 2>"$T/out" || die "status $?: $(cat "$T/out")"
[ "$(cat "$dir/result")" = ok ] || die "the victim: $(cat "$dir/result")"
# By itself: the worker stands outside of its tree.
mkdir "$T/self"
(
	enter_cgroups
	exec setsid "$client" "$lib" self "$T/self" </dev/null >/dev/null 2>&1
) &
pid=$!
disown
wait_for gone "$pid" || die "self: it still lives"
has "$T/self/said" && die "self: it went on: $(cat "$T/self/said")"
timeout 60 "$STASIS" restore -D "$T/self/images" </dev/null >"$T/out" 2>&1 || die "self: restore: status $?: $(cat "$T/out")"
[ "$(cat "$T/self/said")" = "1 " ] || die "self: criu_dump said $(cat "$T/self/said")"
exit 0
