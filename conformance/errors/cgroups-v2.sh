# Proves: cgroup v2 with controllers: limits of nested cgroups, controllers given on (cgroup.subtree_control) also by cgroups that
# are made above the saved ones, and a controller that is missing is named.
. "$HERE/errors/lib.sh"
[ -n "${CASE_V2:-}" ] || skip "there is no cgroup v2 hierarchy"
mount=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup2 .*/\1/p' /proc/self/mountinfo | head -1)
d=$CASE_V2/t path=${CASE_V2#"$mount"}/t
# Down to us, through cgroups that are the tests' own.
part=$mount
for name in $(say "${CASE_V2#"$mount"}" | tr / ' '); do
	part=$part/$name
	[ "$part" = "$CASE_V2" ] || for c in pids hugetlb; do echo +$c >"$part/cgroup.subtree_control"; done 2>/dev/null
done
# pids can be anywhere; of hugetlb the sizes differ.
case " $(cat "$CASE_V2/cgroup.controllers") " in
*" pids "*) ctl=pids file=pids.max one=40 two=20 ;;
*" hugetlb "*) ctl=hugetlb file=hugetlb.2MB.max one=4194304 two=2097152 ;;
*) skip "no controller reaches $CASE_V2" ;;
esac
# Nobody may be in a cgroup that gives controllers on.
enter_cgroups() { [ -z "${CASE_V1:-}" ] || echo "$BASHPID" >"$CASE_V1/cgroup.procs"; }
state() { for x in "$d" "$d/leaf" "$d/empty"; do say "$x: $(cat "$x/cgroup.subtree_control" "$x/$file" "$x/cgroup.type" | tr '\n' ' ')"; done; }
remove() { [ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} +; }
end() {
	kill -9 "$(cat "$T/pid")"
	wait_for gone "$(cat "$T/pid")"
	sleep 0.05
	remove
}

mkdir -p "$d/leaf" "$d/empty"
echo +$ctl >"$CASE_V2/cgroup.subtree_control" || die "cannot give $ctl on"
echo +$ctl >"$d/cgroup.subtree_control"
echo $one >"$d/$file"
echo $two >"$d/leaf/$file"
echo $two >"$d/empty/$file"
sleeper
echo "$pid" >"$d/leaf/cgroup.procs"
before=$(state)
img=$(images)
expect 0 -- dump --no-sync -t "$pid" -D "$img" --cgroup-root ":$path"
wait_for gone "$pid" || die "the victim still lives after its dump"
remove

expect 0 -- restore -d -D "$img" --manage-cgroups=full --pidfile "$T/pid"
[ "$before" = "$(state)" ] || die "made anew: $(diff <(say "$before") <(state))"
grep -q "^0::$path/leaf\$" "/proc/$(cat "$T/pid")/cgroup" || die "it is in $(cat "/proc/$(cat "$T/pid")/cgroup")"
end

expect 0 -- restore -d -D "$img" --manage-cgroups --cgroup-root ":$path/x/y" --pidfile "$T/pid"
[ "$(cat "$d/x/y/$file" "$d/x/y/leaf/$file" | xargs)" = "$one $two" ] || die "below a cgroup that was made: $(cat "$d/x/y/$file" "$d/x/y/leaf/$file")"
end

echo -$ctl >"$CASE_V2/cgroup.subtree_control"
expect 7 "controller $ctl is not there" "cgroup.subtree_control of the cgroup above" -- restore -d -D "$img" --manage-cgroups=full
[ ! -d "$d" ] || die "a failed restore left $d"
expect 0 "controller $ctl is not there" "going on without it" -- restore -d -D "$img" --pidfile "$T/pid"
end
