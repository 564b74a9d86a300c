# Proves: a missing capability is named before anything is touched, also in a user namespace; filters need one more.
. "$HERE/errors/lib.sh"
self=$STASIS
lacking() { # CAPABILITY...: stasis without them
	local caps
	caps=$(printf -- ',-%s' "$@")
	printf '#!/bin/sh\nexec setpriv --bounding-set=%s --inh-caps=%s "%s" "$@"\n' "${caps#,}" "${caps#,}" "$self" >"$T/lacking"
	chmod +x "$T/lacking"
	STASIS=$T/lacking
}
try() { # CLASS TEXT...
	img=$(images)
	expect "$@" -- dump -t "$pid" -D "$img"
	empty_dir "$img" "$*"
	unharmed "$*"
}
sleeper
lacking sys_ptrace
try 6 CAP_SYS_PTRACE "root of the machine"
lacking sys_admin checkpoint_restore
try 6 CAP_CHECKPOINT_RESTORE "root of the machine"
STASIS=$self
finishes "a missing capability"

victim "$BUILD/cases/refused_seccomp_notify"
lacking sys_admin
try 4 CAP_SYS_ADMIN "seccomp filters"
STASIS=$self
finishes "filters"

# Root of a user namespace only, with a tree of its own.
mkdir -m 777 "$T/inner" "$T/inner/images"
# shellcheck disable=SC2016
unshare --user --map-root-user --pid --fork --mount-proc sh -c '
	setsid sh -c "while sleep 1; do :; done" </dev/null >/dev/null 2>&1 &
	sleep 0.2
	"$1" dump -t $! -D "$2/images" >"$2/out" 2>&1
	echo $? >"$2/status"' sh "$self" "$T/inner"
[ "$(cat "$T/inner/status")" = 6 ] || die "in a user namespace: $(cat "$T/inner/status" "$T/inner/out")"
grep -q "initial user namespace" "$T/inner/out" || die "in a user namespace: $(cat "$T/inner/out")"
exit 0
