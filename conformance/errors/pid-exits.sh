# Proves: a tree that ends between the preflight and the freeze is an error of its own, and nothing is left.
. "$HERE/errors/lib.sh"
sleeper
cat >"$T/hook" <<END
#!/bin/sh
[ "\$CRTOOLS_SCRIPT_ACTION" = pre-dump ] || exit 0
kill -9 $pid
while kill -0 $pid 2>/dev/null; do sleep 0.01; done
END
chmod +x "$T/hook"
img=$(images)
expect 3 "$pid" -- dump -t "$pid" -D "$img" --action-script "$T/hook"
empty_dir "$img" "pid that exits"
exit 0
