# Proves: libstasis: options by name, hooks with the caller's data, cancelling, errors with their hint, several threads.
. "$HERE/errors/lib.sh"
sleeper
enter_cgroups
timeout 90 "$BUILD/conformance/rpc/helper_libstasis" "$BUILD/libstasis.so.0" "$STASIS" "$pid" "$(images)" "$dir/go" 2>"$T/out" ||
	die "status $?: $(cat "$T/out")"
[ "$(cat "$dir/result")" = ok ] || die "the victim: $(cat "$dir/result")"
shown=$(nm -D --defined-only "$BUILD/libstasis.so.0" | grep -v ' stasis_')
[ -z "$shown" ] || die "shown to all: $shown"
exit 0
