# Proves: requests to `swrk`: dump, restore as worker's child and as sibling, notifications, waiting, versions and features.
. "$HERE/errors/lib.sh"
sleeper
enter_cgroups
timeout 60 python3 -B "$HERE/rpc/operations.py" "$pid" "$(images)" "$dir" || die "status $?"
[ "$(cat "$dir/result")" = ok ] || die "the victim: $(cat "$dir/result")"
what="swrk without a socket: "
expect 2 "descriptor 77" "not open" -- swrk 77
expect 2 "not a socket" -- swrk 0
expect 2 "number of a socket" -- swrk
expect 2 "number of a socket" "x1" -- swrk x1
exit 0
