# Proves: a task that cannot be stopped (its vfork child lives on) is named when the deadline passes; all go on.
. "$HERE/errors/lib.sh"
victim "$BUILD/conformance/errors/helper_odd" vfork
img=$(images)
expect 8 "pid [0-9]+" -- dump --timeout 1 -t "$pid" -D "$img"
unharmed "a vfork parent"
empty_dir "$img" "a vfork parent"
finishes "a vfork parent"
exit 0
