# Proves: a failing script stops a dump where it may, post-dump vetoes with its own status, and the tree goes on.
. "$HERE/errors/lib.sh"
sleeper
hook() { # POINT STATUS
	printf '#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" = %s ] || exit 0\nexit %s\n' "$1" "$2" >"$T/hook"
	chmod +x "$T/hook"
}
img=$(images)
hook pre-dump 5
expect 1 "$T/hook" "pre-dump" "5" -- dump -t "$pid" -D "$img" --action-script "$T/hook"
unharmed "failing pre-dump"
empty_dir "$img" "failing pre-dump"
hook post-dump 41
expect 41 "$T/hook" "post-dump" -- dump -t "$pid" -D "$img" --action-script "$T/hook"
unharmed "veto at post-dump"
expect 2 "$T/none" -- dump -t "$pid" -D "$(images)" --action-script "$T/none"
unharmed "missing script"
finishes "hooks of a dump"
sleeper
dumped
for point in pre-restore post-restore; do
	hook $point 6
	expect 1 "$T/hook" "$point" -- restore -d -D "$img" --action-script "$T/hook"
	nothing_restored "failing $point"
done
# Too late to fail: said, not fatal.
hook pre-resume 6
expect 0 "pre-resume" -- restore -d -D "$img" --action-script "$T/hook" --pidfile "$T/pid"
pid=$(cat "$T/pid")
finishes "hooks of a restore"
exit 0
