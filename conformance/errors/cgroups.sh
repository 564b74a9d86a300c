# Proves: cgroups of every hierarchy come back with their limits, nested and empty ones too, with owners and modes; what each
# --manage-cgroups mode does with those that are there and those that are not; nothing is left of a restore that fails.
. "$HERE/errors/lib.sh"
[ -n "${CASE_V1:-}" ] && [ -n "${CASE_V2:-}" ] || skip "there is no hybrid hierarchy"
top=/sys/fs/cgroup
[ -d "$top/pids/$CASE_CG" ] && [ -d "$top/cpu/$CASE_CG" ] || skip "there are no v1 controllers pids and cpu"
me=/$CASE_CG/cg-$$/tree
dirs="$top/pids$me $top/cpu$me $top/memory$me $top/cpuset$me $top/blkio$me $top/devices$me $top/systemd$me $CASE_V1/cg/tree $CASE_V2/cg/tree"
lines="" # MAJOR:MINOR of a disk, where there is one
for d in /sys/block/*/dev; do [ -r "$d" ] && lines=$(cat "$d") && break; done

all_dirs() { for d in $dirs; do [ -d "${d%/*/*}" ] && echo "$d"; done; }
remove() { for d in $(all_dirs); do find "${d%/*}" -depth -type d -exec rmdir {} + 2>/dev/null; done; return 0; }
trap remove EXIT
make_all() {
	local d
	mkdir -p "$top/devices$me"
	put "$top/devices$me" devices.deny a
	for d in "c 1:3 rwm" "c 1:5 r" "c 136:* rw"; do put "$top/devices$me" devices.allow "$d"; done
	for d in $(all_dirs); do mkdir -p "$d/empty/deep" "$d/in" || die "mkdir $d"; done
	for d in "$top/cpuset/$CASE_CG" "$top/cpuset${me%/tree}" "$top/cpuset$me" "$top/cpuset$me/in" "$top/cpuset$me/empty"; do
		[ -d "$d" ] || continue
		cat "${d%/*}/cpuset.cpus" >"$d/cpuset.cpus"
		cat "${d%/*}/cpuset.mems" >"$d/cpuset.mems"
		[ "$d" != "$top/cpuset$me" ] || put "$d" cpuset.cpus 0
	done
	put "$top/pids$me" pids.max 77
	put "$top/pids$me/in" pids.max 33
	put "$top/pids$me/empty" pids.max 5
	put "$top/cpu$me" cpu.cfs_period_us 50000
	put "$top/cpu$me" cpu.cfs_quota_us 40000
	put "$top/cpu$me" cpu.shares 333
	put "$top/memory$me" memory.limit_in_bytes 268435456
	put "$top/memory$me" memory.memsw.limit_in_bytes 536870912
	put "$top/memory$me" memory.swappiness 7
	put "$top/memory$me" memory.oom_control 1
	[ -z "$lines" ] || put "$top/blkio$me" blkio.throttle.read_bps_device "$lines 1048576"
	put "$top/systemd$me" notify_on_release 1
	put "$CASE_V2/cg/tree" cgroup.max.descendants 12
	put "$CASE_V2/cg/tree/empty" cgroup.max.depth 3
	chown 1234:2345 "$top/pids$me/in" "$top/pids$me/in/cgroup.procs" "$CASE_V2/cg/tree/in" "$CASE_V2/cg/tree/in/cgroup.threads"
	chmod 700 "$top/pids$me/empty"
	chmod 664 "$top/pids$me/in/pids.max"
}
put() { [ ! -e "$1/$2" ] || echo "$3" >"$1/$2" || die "cannot write $3 to $1/$2"; }
# All that can be set, with owners and modes.
state() {
	local d f
	for d in $(all_dirs); do
		find "$d" -depth \( -name '*.max*' -o -name '*limit_in_bytes' -o -name 'cpu.cfs_*_us' -o -name cpu.shares \
			-o -name 'cpuset.[cm]*s' -o -name memory.swappiness -o -name '*_device' -o -name devices.list \
			-o -name notify_on_release -o -name cgroup.freeze -o -name freezer.state \) ! -name '*max_usage*' \
			! -name '*.swap.max' -printf '%p %m %U %G: ' -exec sh -c 'tr "\n" " " <"$1"; echo' - {} \;
		find "$d" -depth -type d -printf '%p %m %U %G\n'
		find "$d" -name 'cgroup.procs' -printf '%p %m %U %G\n' -o -name cgroup.threads -printf '%p %m %U %G\n'
	done 2>/dev/null | sort
}
# The victim goes where it belongs; its own path in each hierarchy.
settle() {
	local d
	victim "$BUILD/cases/sleep"
	for d in $(all_dirs); do echo "$pid" >"$d/cgroup.procs" || die "cannot enter $d"; done
	where=$(cat "/proc/$pid/cgroup")
	before=$(state)
}
same() { # WHAT
	local after
	after=$(state)
	[ "$before" = "$after" ] || die "$1: cgroups changed: $(diff <(say "$before") <(say "$after"))"
	after=$(cat "/proc/$(cat "$T/pid")/cgroup")
	[ "$where" = "$after" ] || die "$1: the task is elsewhere: $(diff <(say "$where") <(say "$after"))"
}
restored() { # WHAT ARGS...
	local w=$1
	shift
	rm -f "$T/pid"
	expect 0 -- restore -d --pidfile "$T/pid" -D "$img" "$@"
	[ -n "${differs:-}" ] || same "$w"
	pid=$(cat "$T/pid")
}

# Three generations, by each way of asking, everything made anew.
make_all
settle
for mode in "" --manage-cgroups --manage-cgroups=full --manage-cgroups=strict; do
	img=$(images)
	expect 0 -- dump --no-sync -t "$pid" -D "$img" $mode
	wait_for gone "$pid" || die "the victim still lives after its dump"
	remove
	[ ! -d "$top/pids$me" ] || die "the cgroups could not be removed"
	restored "made anew by ${mode:-default}" $mode
done
crit decode -i "$img/cgroup.img" >"$T/json" 2>&1 || die "crit cannot read cgroup.img: $(cat "$T/json")"

# They are there, with other limits.
img=$(images)
expect 0 -- dump --no-sync -t "$pid" -D "$img"
wait_for gone "$pid" || die "the victim still lives after its dump"
expect 7 "cg-$$.*exists already" "cgroup-root" -- restore -d -D "$img" --manage-cgroups=strict
nothing_restored strict
put "$top/pids$me" pids.max 55
expect 0 -- restore -d --pidfile "$T/pid" -D "$img" --manage-cgroups=none
[ "$(cat "$top/pids$me/pids.max")" = 55 ] || die "none set a limit"
kill -9 "$(cat "$T/pid")"
wait_for gone "$(cat "$T/pid")"
expect 0 "pids.max is .55. and was .77.: left so.*full" -- restore -d --pidfile "$T/pid" -D "$img" --manage-cgroups=soft
[ "$(cat "$top/pids$me/pids.max")" = 55 ] || die "soft set a limit of a cgroup that was there"
kill -9 "$(cat "$T/pid")"
wait_for gone "$(cat "$T/pid")"
restored "set by full" --manage-cgroups=full
kill -9 "$pid"
wait_for gone "$pid"

# A restore that fails late: what was there has its values again, what was made is gone.
put "$top/pids$me" pids.max 55
rmdir "$top/pids$me/in" "$CASE_V2/cg/tree/in" || die "rmdir"
before2=$(state)
printf '#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != post-restore ]\n' >"$T/veto"
chmod +x "$T/veto"
expect 1 "veto" -- restore -d -D "$img" --manage-cgroups=full --action-script "$T/veto"
nothing_restored "a veto"
[ "$before2" = "$(state)" ] || die "a failed restore left cgroups changed: $(diff <(say "$before2") <(say "$(state)"))"
remove

# They are not there.
for mode in none props; do
	expect 7 "this cgroup does not exist" "manage-cgroups=soft" -- restore -d -D "$img" --manage-cgroups=$mode
	nothing_restored $mode
done
[ ! -d "$CASE_V2/cg" ] || die "a refused restore made a cgroup"

# Ignored: it stays where stasis runs.
differs=1 restored ignore --manage-cgroups=ignore
grep -q "^8*.*pids:/$" "/proc/$pid/cgroup" || grep -q pids "/proc/$pid/cgroup" || die "no pids line"
grep -q "cg-$$" "/proc/$pid/cgroup" && die "ignore moved it: $(cat "/proc/$pid/cgroup")"
kill -9 "$pid"
wait_for gone "$pid"

# Somewhere else, by controller and for the rest.
differs=1 restored root --cgroup-root "pids:/$CASE_CG/other/one" --cgroup-root "freezer:/${CASE_V1#"$top"/freezer/}/cg/other" \
	--cgroup-root ":/${CASE_V2#"$top"/unified/}/cg/other" --cgroup-root "/$CASE_CG/cg-$$/rest"
grep -q "pids:/$CASE_CG/other/one\$" "/proc/$pid/cgroup" || die "--cgroup-root pids: $(cat "/proc/$pid/cgroup")"
grep -q "cpu:/$CASE_CG/cg-$$/rest\$" "/proc/$pid/cgroup" || die "--cgroup-root for the rest: $(cat "/proc/$pid/cgroup")"
[ "$(cat "$top/pids/$CASE_CG/other/one/pids.max")" = 77 ] || die "its limit: $(cat "$top/pids/$CASE_CG/other/one/pids.max")"
[ "$(cat "$top/pids/$CASE_CG/other/one/in/pids.max")" = 33 ] || die "its child's limit"
kill -9 "$pid"
wait_for gone "$pid"
find "$top/pids/$CASE_CG/other" -depth -type d -exec rmdir {} +
remove

# A frozen cgroup would hold the restore up for ever.
mkdir -p "$CASE_V1/cg/tree"
echo FROZEN >"$CASE_V1/cg/freezer.state"
expect 7 "it is frozen" "thaw it" -- restore -d -D "$img"
echo THAWED >"$CASE_V1/cg/freezer.state"
remove

# Options that make no sense.
sleeper
expect 2 "no hierarchy with the controller \"nosuch\"" -- dump --no-sync -t "$pid" -D "$(images)" --cgroup-dump-controller nosuch
expect 2 "line 2" -- dump --no-sync -t "$pid" -D "$(images)" --cgroup-props $'"pids":\n - "strategy": "often"\n'
expect 2 "choose one of" -- dump --no-sync -t "$pid" -D "$(images)" --manage-cgroups=often
expect 2 "not the path of a cgroup" -- dump --no-sync -t "$pid" -D "$(images)" --cgroup-root /a/../../b
expect 2 "cgroup-yard" -- dump --no-sync -t "$pid" -D "$(images)" --cgroup-yard /nonexistent
unharmed "after refused dumps"
finishes "after refused dumps"

# Only one controller, with one property more, through a yard.
make_all
settle
img=$(images)
mkdir "$T/yard"
expect 0 -- dump --no-sync -t "$pid" -D "$img" --cgroup-dump-controller pids \
	--cgroup-props $'"pids":\n - "strategy": "merge"\n - "properties": ["pids.max", "pids.peak"]\n'
crit decode -i "$img/cgroup.img" >"$T/json" || die "crit"
grep -q pids.peak "$T/json" || die "--cgroup-props was not followed"
grep -q cfs_quota "$T/json" && die "--cgroup-dump-controller was not followed"
remove
differs=1 restored "one controller"
grep -q "pids:$me\$" "/proc/$pid/cgroup" || die "one controller: $(cat "/proc/$pid/cgroup")"
kill -9 "$pid"
wait_for gone "$pid"

# Through a yard: only what is mounted there is seen.
make_all
settle
img=$(images)
mkdir -p "$T/yard/pids"
(
	enter_cgroups
	exec unshare -m --propagation private sh -c 'mount -t cgroup -o pids none "$3/pids" && umount /sys/fs/cgroup/pids &&
		exec timeout -k 5 20 "$0" dump --no-sync -t "$1" -D "$2" --cgroup-yard "$3"' \
		"$STASIS" "$pid" "$img" "$T/yard" </dev/null >"$T/out" 2>&1
) || die "a dump through a yard: $(cat "$T/out")"
grep -q "hierarchy cpu cannot be seen here" "$T/out" || die "what is not in the yard was not told: $(cat "$T/out")"
crit decode -i "$img/cgroup.img" >"$T/json" || die "crit"
grep -q pids.max "$T/json" || die "the yard was not looked at"
grep -q cfs_quota "$T/json" && die "something outside of the yard was looked at"
remove
differs=1 restored "dumped through a yard"
[ "$(cat "$top/pids$me/pids.max")" = 77 ] || die "the limit seen in the yard is lost"
kill -9 "$pid"
wait_for gone "$pid"
remove

# A frozen container comes back frozen.
case $STASIS_FREEZER in
v1) frozen=$CASE_V1/cg/tree/freezer.state on=FROZEN off=THAWED ;;
v2) frozen=$CASE_V2/cg/tree/cgroup.freeze on=1 off=0 ;;
esac
make_all
settle
echo $on >"$frozen"
img=$(images)
expect 0 -- dump --no-sync -t "$pid" -D "$img"
wait_for gone "$pid" || die "the frozen victim still lives after its dump"
remove
differs=1 restored frozen
[ "$(cat "$frozen")" = $on ] || die "it was frozen, and is $(cat "$frozen")"
: >"$dir/go"
sleep 0.3
[ ! -e "$dir/result" ] || die "it runs although it is frozen"
echo $off >"$frozen"
finishes "thawed after its restore"
remove

# Where cgroups cannot be made: a reason when they were asked for, else the tree comes back where stasis runs.
make_all
settle
img=$(images)
expect 0 -- dump --no-sync -t "$pid" -D "$img"
wait_for gone "$pid" || die "the victim still lives after its dump"
remove
read_only() {
	(
		enter_cgroups
		exec unshare -m --propagation private sh -c 'for d in /sys/fs/cgroup/*/; do mount -o remount,bind,ro "$d" 2>/dev/null; done
			exec timeout -k 5 20 "$@"' sh "$STASIS" restore -d -D "$img" --pidfile "$T/pid" "$@" </dev/null >"$T/out" 2>&1
	)
}
read_only --manage-cgroups && die "cgroups were made on a read-only filesystem"
grep -q "mkdir.*Read-only" "$T/out" && grep -q "manage-cgroups=none or ignore" "$T/out" || die "read-only: $(cat "$T/out")"
nothing_restored "a read-only filesystem"
read_only || die "a restore without cgroups: $(cat "$T/out")"
grep -q "tasks stay where stasis runs" "$T/out" || die "nothing was told: $(cat "$T/out")"
kill -9 "$(cat "$T/pid")"
wait_for gone "$(cat "$T/pid")"
make_all
read_only --manage-cgroups=none && die "cgroups were entered on a read-only filesystem"
grep -q "cgroup.procs.*Read-only" "$T/out" || die "entering read-only: $(cat "$T/out")"
read_only || die "a restore without entering cgroups: $(cat "$T/out")"
grep -q "tasks stay where stasis runs" "$T/out" || die "nothing was told: $(cat "$T/out")"
pid=$(cat "$T/pid")
finishes "restored without its cgroups"
remove

# A container's manager removes its cgroup as soon as the tasks are gone: no failure of a dump that ends them.
for n in 1 2 3; do
	sleeper
	for d in "$CASE_V1/own" "$CASE_V2/own"; do
		mkdir -p "$d"
		echo "$pid" >"$d/cgroup.procs"
		(while ! rmdir "$d" 2>/dev/null && [ -d "$d" ]; do :; done) &
	done
	expect 0 -- dump --no-sync -t "$pid" -D "$(images)" -v4 -o dump.log
	wait
done

# A tree named by its cgroup.
mkdir -p "$CASE_V1/own"
expect 3 "no process is in this cgroup" -- dump --no-sync --cgroup "$CASE_V1/own" -D "$(images)"
expect 2 "contradict" -- dump --no-sync --cgroup "$CASE_V1/own" -t 1 -D "$(images)"
sleeper
first=$pid
echo "$pid" >"$CASE_V1/own/cgroup.procs"
sleeper
echo "$pid" >"$CASE_V1/own/cgroup.procs"
expect 2 "processes .* different trees" "--tree PID" -- dump --no-sync --cgroup "$CASE_V1/own" -D "$(images)"
kill -9 "$first"
wait_for gone "$first"
img=$(images)
expect 0 -- dump --no-sync --cgroup "$CASE_V1/own" -D "$img"
wait_for gone "$pid" || die "the tree named by its cgroup still lives"
differs=1 restored "named by its cgroup"
finishes "named by its cgroup"

# Nothing to put elsewhere: told.
sleeper
dumped
expect 0 "going on without --cgroup-root" -- restore -d --pidfile "$T/pid" -D "$img" --cgroup-root /x
finishes "restored where stasis runs"
rmdir "$CASE_V1/own"

# Killed in the middle: the guard removes what was made, and sets back what was changed.
make_all
settle
img=$(images)
expect 0 -- dump --no-sync -t "$pid" -D "$img"
wait_for gone "$pid" || die "the victim still lives after its dump"
remove
mkdir -p "$top/pids$me"
echo 44 >"$top/pids$me/pids.max"
before2=$(state)
printf '#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != post-restore ] || kill -9 $PPID\n' >"$T/veto"
(
	enter_cgroups
	timeout -k 5 20 "$STASIS" restore -d -D "$img" --manage-cgroups=full --action-script "$T/veto" </dev/null >"$T/out" 2>&1
) 2>/dev/null
settled() { [ "$before2" = "$(state)" ]; }
wait_for settled || die "a killed restore left cgroups: $(diff <(say "$before2") <(say "$(state)"))"
nothing_restored "a killed restore"
