# Proves: mount trees that cannot be saved or built are refused with the option that helps, nothing stays
# mounted after a failure, and the options named do help; a peer group that reaches outside does so again.
. "$HERE/errors/lib.sh"
[ -n "${IN_OWN_MOUNTS:-}" ] || IN_OWN_MOUNTS=1 exec unshare -m --propagation private bash "$0"

# A case in namespaces of its own: PROPAGATION PROGRAM
ns_victim() {
	dir=$(mktemp -d -p "$T")
	(
		enter_cgroups
		exec unshare --pid --fork --mount --propagation "$1" --net --ipc --uts "$2" "$dir" </dev/null >/dev/null 2>&1
	) &
	pid=$!
	disown
	wait_for has_or_gone "$dir/ready" "$pid"
	has "$dir/ready" || die "$2 ended before it was ready: $(cat "$dir/result" 2>/dev/null)"
	pid=$(cat "/proc/$pid/task/$pid/children")
	pid=${pid%% *}
}
mounts() { cat /proc/self/mountinfo; }
untouched() {
	nothing_restored "$1"
	[ "$mounted" = "$(mounts)" ] || die "$1: our mounts changed: $(diff <(say "$mounted") <(mounts))"
}

# No root where there is no namespace.
sleeper
dumped
expect 2 "no mount namespace" "leave it out" -- restore -d --root / -D "$img"
expect 0 -- restore -d -D "$img"
finishes "without --root"

# What was given from outside must be given again.
ns_victim private "$BUILD/cases/mnt_external"
img=$(images)
expect 0 -- dump --no-sync -t "$pid" -D "$img" --external 'mnt[/given]:dir' --skip-mnt /skipped --ext-mount-map /file:file
wait_for gone "$pid" || die "the victim still lives after its dump"
mounted=$(mounts)
expect 7 "mount /given" "under the name \"dir\"" "--external 'mnt\[dir\]:PATH'" -- restore -d -D "$img"
untouched "without --external"
expect 7 "mount /given" "/nowhere" -- restore -d -D "$img" --external 'mnt[dir]:/nowhere'
untouched "with a path that is not there"
expect 7 "mount / " "/nowhere" -- restore -d -D "$img" --external 'mnt[dir]:/etc' --root /nowhere
expect 7 "mount / " "is no directory" -- restore -d -D "$img" --external 'mnt[dir]:/etc' --root /etc/passwd
mkdir "$T/empty"
expect 7 "its mount point $T/empty/given" "make it" -- restore -d -D "$img" --external 'mnt[dir]:/etc' --root "$T/empty"
untouched "with a root without mount points"
expect 0 -- restore -d -D "$img" --external 'mnt[dir]:/usr/share' --ext-mount-map 'file:/etc/passwd' --root "$dir/root" --pidfile "$T/pid"
pid=$(cat "$T/pid")
finishes "with all that it needs"
untouched "after the restore"

# A filesystem that cannot be made again, unless asked for.
ns_victim private "$BUILD/cases/ns_refuse_mount"
img=$(images)
expect 4 "mount /mnt \(ramfs\)" "--external 'mnt\[/mnt\]:KEY'" "--skip-mnt /mnt" -- dump -t "$pid" -D "$img"
empty_dir "$img" "a filesystem without a kind"
expect 0 -- dump --no-sync -t "$pid" -D "$img" --enable-fs hugetlbfs,ramfs
wait_for gone "$pid" || die "the victim still lives after its dump"
expect 7 "ramfs" "--enable-fs" -- restore -d -D "$img"
expect 0 -- restore -d -D "$img" --enable-fs all --pidfile "$T/pid"
pid=$(cat "$T/pid")
grep -q ' /mnt .* - ramfs x ' "/proc/$pid/mountinfo" || die "the ramfs is not there"
finishes "with a filesystem enabled"

# Peers of ours.
mkdir "$T/peer"
mount -t tmpfs peer "$T/peer" && mkdir "$T/peer/in" || die "cannot mount"
mount --make-shared "$T/peer"
ns_victim unchanged "$BUILD/cases/sleep"
img=$(images)
expect 4 "mount $T/peer" "shared with mounts outside" "--external 'mnt\[\]:s'" -- dump -t "$pid" -D "$img"
empty_dir "$img" "peers outside"
expect 0 -- dump --no-sync -t "$pid" -D "$img" --external 'mnt[]:s'
wait_for gone "$pid" || die "the victim still lives after its dump"
mount --make-private "$T/peer"
expect 7 "mount $T/peer" "not shared" "--make-shared" -- restore -d -D "$img" --external 'mnt[]:s'
mount --make-shared "$T/peer"
expect 0 -- restore -d -D "$img" --enable-external-sharing --pidfile "$T/pid"
pid=$(cat "$T/pid")
mount -t tmpfs later "$T/peer/in"
grep -q "$T/peer/in .* - tmpfs later " "/proc/$pid/mountinfo" || die "what is mounted on a peer outside does not arrive"
group() { sed -n "s!.* $T/peer .* \(shared:[0-9]*\) .*!\1!p" "$1"; }
[ "$(group /proc/self/mountinfo)" = "$(group "/proc/$pid/mountinfo")" ] || die "not one group: $(group "/proc/$pid/mountinfo")"
finishes "as a peer of ours"
umount -R "$T/peer"
