# Proves: too few descriptors, processes or too little memory for stasis itself is said, and harms nobody: a dump leaves
# the tree as it was, a restore leaves nothing, whoever is killed when memory runs out.
. "$HERE/errors/lib.sh"
controller() { # NAME: where the v1 hierarchy is
	awk -v c="$1" '$3 == "cgroup" && $4 ~ "(^|,)" c "(,|$)" { print $2; exit }' /proc/mounts
}
groups=()
limited() { # CONTROLLER FILE VALUE: sets group
	local top
	top=$(controller "$1")
	[ -n "$top" ] || return 1
	group=$top/stasis-limits-$$-${#groups[@]}
	mkdir "$group" || return 1
	groups+=("$group")
	echo "$3" >"$group/$2"
}
cleanup() {
	local g p
	for g in ${groups[@]+"${groups[@]}"}; do
		for p in $(cat "$g/cgroup.procs"); do kill -9 "$p"; done
		for i in 1 2 3 4 5 6 7 8 9; do rmdir "$g" 2>/dev/null && break; sleep 0.05; done
	done
}
trap cleanup EXIT
# in_group ARGS...: stasis there; sets st. A leader that itself is killed has status 137.
in_group() {
	(
		enter_cgroups
		echo "$BASHPID" >"$group/cgroup.procs"
		exec "$STASIS" "$@" </dev/null >"$T/out" 2>&1
	)
	st=$?
}
empty_group() { [ -z "$(cat "$group/cgroup.procs")" ]; }
skipped=""
victim "$BUILD/conformance/errors/helper_pages"
# ---- dump
ok=""
for n in 4 5 6 7 8 9 10 11 12 14 16 20 24 32; do
	img=$(images)
	(exec timeout 20 prlimit --nofile=$n: "$STASIS" dump --no-sync --leave-running -t "$pid" -D "$img" </dev/null >"$T/out" 2>&1)
	st=$?
	case $st in
	0) ok=$n; [ -n "$ok" ] && break ;;
	6) grep -q 'ulimit -n' "$T/out" || die "$n descriptors: $(cat "$T/out")"; empty_dir "$img" "$n descriptors" ;;
	127) ;; # the program itself does not start
	*) die "dump with $n descriptors: status $st: $(cat "$T/out")" ;;
	esac
	unharmed "dump with $n descriptors"
done
[ -n "$ok" ] || die "32 descriptors are not enough for a dump: $(cat "$T/out")"
if limited pids pids.max 1; then
	img=$(images)
	in_group dump --no-sync --leave-running -t "$pid" -D "$img"
	[ $st = 6 ] || die "dump without a second process: status $st, not 6: $(cat "$T/out")"
	grep -q 'pids.max' "$T/out" || die "dump without a second process: $(cat "$T/out")"
	empty_dir "$img" "dump without a second process"
	unharmed "dump without a second process"
else
	skipped="$skipped pids"
fi
if limited memory memory.limit_in_bytes 64M; then
	for k in 700 1000 1400 2000 2800 4000 6000 9000; do
		echo ${k}K >"$group/memory.limit_in_bytes"
		img=$(images)
		in_group dump --no-sync --leave-running -t "$pid" -D "$img"
		case $st in
		0 | 6 | 137) ;;
		*) die "dump with $k KiB: status $st: $(cat "$T/out")" ;;
		esac
		[ $st != 6 ] || grep -q -i memory "$T/out" || die "dump with $k KiB: $(cat "$T/out")"
		# Whoever is left puts all in order, even when the first process was killed.
		wait_for empty_group || die "dump with $k KiB: a process is left"
		[ $st = 0 ] || empty_dir "$img" "dump with $k KiB"
		unharmed "dump with $k KiB"
	done
else
	skipped="$skipped memory"
fi
# ---- restore
dumped
for n in 4 5 6 7 8 9 10 11 12 14 16 20 24 28 32; do
	(enter_cgroups; exec timeout 20 prlimit --nofile=$n: "$STASIS" restore -d -D "$img" --pidfile "$T/pid" </dev/null >"$T/out" 2>&1)
	st=$?
	case $st in
	0) break ;;
	6) grep -q 'ulimit -n' "$T/out" || die "$n descriptors: $(cat "$T/out")" ;;
	127) ;;
	*) die "restore with $n descriptors: status $st: $(cat "$T/out")" ;;
	esac
	nothing_restored "restore with $n descriptors"
done
again() { # what was restored becomes images again
	wait_for [ -s "$T/pid" ]
	pid=$(cat "$T/pid")
	dumped
	rm "$T/pid"
}
[ $st != 0 ] || again
if limited pids pids.max 1; then
	for n in 1 2 3 4 6; do
		echo $n >"$group/pids.max"
		in_group restore -d -D "$img" --pidfile "$T/pid"
		[ $st = 6 ] || die "restore with $n processes: status $st, not 6: $(cat "$T/out")"
		grep -q 'pids.max' "$T/out" || die "restore with $n processes: $(cat "$T/out")"
		wait_for empty_group || die "restore with $n processes: a process is left"
	done
fi
if limited memory memory.limit_in_bytes 64M; then
	for k in 700 1000 1400 2000 2800 4000 6000; do
		echo ${k}K >"$group/memory.limit_in_bytes"
		in_group restore -d -D "$img" --pidfile "$T/pid"
		case $st in
		6 | 137) ;;
		*) die "restore with $k KiB: status $st: $(cat "$T/out")" ;;
		esac
		wait_for empty_group || die "restore with $k KiB: a process is left"
		nothing_restored "restore with $k KiB"
	done
fi
rm -f "$T/pid"
expect 0 -- restore -d -D "$img" --pidfile "$T/pid"
pid=$(cat "$T/pid")
finishes "limits"
[ -z "$skipped" ] || say "no v1 controller for:$skipped"
exit 0
