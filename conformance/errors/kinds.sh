# Proves: a descriptor, mapping or property of a kind that is not built is refused by its name, with the process it
# belongs to, before anything is frozen; `check --tree` says the same; and the victim is unharmed.
# kinds: user cgroup time mem-hugetlb mem-uffd mem-uprobes mem-aio mem-io_uring mem-perf mem-secretmem mem-socket mem-anon_inode mem-sysv mem-memfd
# without a case: mem-shadow_stack (no kernel with it at hand), mem-shm_other mem-device (no driver that maps such memory)
. "$HERE/errors/lib.sh"
skipped=""
while read -r kind text; do
	dir=$(mktemp -d -p "$T")
	(
		enter_cgroups
		exec "$BUILD/conformance/errors/helper_odd" "$dir" "$kind" </dev/null >/dev/null 2>&1
	) &
	pid=$!
	what="$kind: "
	wait_for has_or_gone "$dir/ready" "$pid"
	if ! has "$dir/ready"; then
		wait $pid
		[ $? = 77 ] || die "$kind: the victim failed: $(cat "$dir/result" 2>/dev/null)"
		skipped="$skipped $kind"
		continue
	fi
	sleep 0.02
	before=$(portrait "$pid")
	img=$(images)
	expect 4 "$text" "pid [0-9]+" -- dump -t "$pid" -D "$img"
	unharmed "$kind"
	empty_dir "$img" "$kind"
	timeout 20 "$STASIS" check --tree "$pid" --json >"$T/json" 2>&1 </dev/null
	[ $? = 4 ] || die "$kind: check --tree does not object: $(cat "$T/json")"
	jq -e '.ok == false and (.blockers | length) >= 1 and all(.blockers[]; .pid > 0 and has("option") and
		([.kind, .object, .reason, .hint] | all(length > 0)))' <"$T/json" >/dev/null || die "$kind: $(cat "$T/json")"
	finishes "$kind"
done <<'END'
fanotify fanotify
userfaultfd userfaultfd
pidfd pidfd
io_uring io_uring
packet packet
raw raw|type 3
tcp TCP|tcp
aio AIO|aio
sysv SysV|System V
traced trace
lock lock
pty master side of /dev/pts/
perf perf
bpf bpf
fscontext fscontext|anon_inode
netns net
userns user
cgroupns cgroup
timens time
secretmem secret
hugetlb huge
uffd-map userfaultfd
perf-map perf
bpf-map bpf
ring-map socket
uprobes uprobes
shared-files they share
thread-fs of its own
ghost-map removed file
END
[ -z "$skipped" ] || say "not on this machine:$skipped"
exit 0
