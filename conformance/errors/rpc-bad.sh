# Proves: malformed requests, wrong options, refused notifications and clients that go away leave the tree as it was.
. "$HERE/errors/lib.sh"
sleeper
timeout 100 python3 -B "$HERE/rpc/bad.py" "$pid" "$(images)" || die "status $?"
unharmed "bad requests"
finishes "bad requests"
exit 0
