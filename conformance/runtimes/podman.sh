# podman with runc: it asks for versions over `criu swrk`, reads statistics, exports and imports.
podman_() {
	timeout 100 podman --root "$R/root" --runroot "$R/runroot" --tmpdir "$R/tmp" --storage-driver vfs --cgroup-manager cgroupfs \
		--events-backend file --runtime runc "$@" </dev/null
}
podman_gone() { podman_ rm -f -a -t 0; }
pod_start() { # sets cnt
	need podman runc conmon
	rootfs "$R/fs"
	tar -C "$R/fs" -c . | timeout 60 podman --root "$R/root" --runroot "$R/runroot" --tmpdir "$R/tmp" --storage-driver vfs import - \
		counts >"$R/out" 2>&1 || die "import: $(cat "$R/out")"
	sweeps+=(podman_gone cgroups_gone)
	podman_ run -d --name c1 --network none --ulimit host --log-driver k8s-file counts sh -c "$counter" >"$R/out" 2>&1 || {
		# Its own affair, before we are asked for anything.
		! grep -q "error setting rlimit type" "$R/out" || skip "podman wants CAP_SYS_RESOURCE to start a container here"
		die "run: $(cat "$R/out")"
	}
	pod_goes_on c1 run
}
pod_count() { podman_ exec "$1" cat /dev/shm/cnt 2>/dev/null; }
pod_goes_on() { # NAME WHAT
	local a b i
	a=$(pod_count "$1")
	for i in 1 2 3 4 5; do
		b=$(pod_count "$1")
		[ -n "$b" ] && [ "$b" -gt "${a:-$b}" ] && last=$b && return
		: "${a:=$b}"
	done
	die "$2: the count stands still at ${a:-nothing}"
}
pod_failed() { failed "$1" "$R/out" "$(find "$R/root" -name "$2" | head -1)"; }
row_podman_checkpoint() {
	pod_start
	local old=$last
	podman_ container checkpoint --keep --print-stats c1 >"$R/out" 2>"$R/err" || { cat "$R/err" >>"$R/out"; pod_failed checkpoint dump.log; }
	grep -q freezing_time "$R/out" && grep -q pages_written "$R/out" || die "no statistics: $(cat "$R/out")"
	podman_ container restore --keep --print-stats c1 >"$R/out" 2>"$R/err" || { cat "$R/err" >>"$R/out"; pod_failed restore restore.log; }
	grep -q restore_time "$R/out" || die "no statistics: $(cat "$R/out")"
	pod_goes_on c1 restore
	[ "$last" -gt "$old" ] || die "the count began again"
}
row_podman_export_import() {
	pod_start
	local old=$last
	podman_ container checkpoint -e "$R/export.tar" --compress none c1 >"$R/out" 2>&1 || pod_failed checkpoint dump.log
	podman_ rm -f c1 >"$R/out" 2>&1 || die "rm: $(cat "$R/out")"
	podman_ container restore -i "$R/export.tar" -n c2 >"$R/out" 2>&1 || pod_failed restore restore.log
	pod_goes_on c2 "restore under another name"
	[ "$last" -gt "$old" ] || die "the count began again"
}
