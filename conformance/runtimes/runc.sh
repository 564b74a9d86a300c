# runc: it starts `criu swrk` for every checkpoint and restore.
runc_() { timeout 60 runc --root "$R/state" --criu "$T/bin/criu" "$@" </dev/null; }
runc_delete() { runc_ delete -f "c-$$"; }

bundle() { # JQ-FILTER: a container that counts
	need runc jq busybox
	rootfs "$R/bundle/rootfs"
	(cd "$R/bundle" && runc spec) || die "runc spec"
	jq --arg loop "$counter" --arg cg "/$name/c" '.process.terminal=false | del(.process.rlimits) | .root.readonly=false |
		.process.args=["sh","-c",$loop] | .linux.cgroupsPath=$cg | '"${1:-.}" "$R/bundle/config.json" >"$R/config" &&
		mv "$R/config" "$R/bundle/config.json" || die "jq"
	cnt=$R/bundle/rootfs/cnt
	sweeps+=(runc_delete cgroups_gone)
}
# Its descriptors are the container's: nothing of ours.
runc_run() {
	(cd "$R/bundle" && runc_ --log "$R/out" run -d "$@" "c-$$" >/dev/null 2>&1) || die "run: $(cat "$R/out")"
	goes_on "$cnt" "run"
}
runc_checkpoint() { # N FLAGS...
	local i=$R/image$1
	shift
	old=$(count "$cnt")
	runc_ checkpoint --image-path "$i" --work-path "$i" "$@" "c-$$" >"$R/out" 2>&1 || failed "checkpoint" "$R/out" "$i/dump.log"
}
runc_restore() { # N FLAGS...
	local i=$R/image$1
	shift
	runc_ --log "$R/out" restore -d --bundle "$R/bundle" --image-path "$i" --work-path "$i" "$@" "c-$$" >/dev/null 2>&1 ||
		failed "restore" "$R/out" "$i/restore.log"
	goes_on "$cnt" "restore"
	[ "$(count "$cnt")" -gt "$old" ] || die "restore: the count began again"
	[ "$(runc_ exec "c-$$" cat /dev/shm/cnt 2>&1)" -gt "$old" ] || die "restore: exec finds no count in the tmpfs"
	[ "$(runc_ state "c-$$" | jq -r .status)" = running ] || die "restore: $(runc_ state "c-$$")"
}
runc_again() { # FLAGS...
	runc_run
	runc_checkpoint 1 "$@"
	runc_restore 1 "$@"
}

row_runc_three_generations() {
	bundle
	runc_run
	for g in 1 2 3; do
		runc_checkpoint $g
		runc_restore $g
	done
}
row_runc_leave_running() {
	bundle
	runc_run
	runc_checkpoint 1 --leave-running
	goes_on "$cnt" "after a checkpoint that left it running"
	runc_delete
	# It went on: what is restored is older than what it has written since.
	rm "$cnt"
	runc_restore 1
}
row_runc_ext_unix_sk() { bundle; runc_again --ext-unix-sk; }
row_runc_tcp_and_shell_job() { bundle; runc_again --tcp-established --shell-job; }
row_runc_file_locks() { bundle; runc_again --file-locks; }
row_runc_cgroups_full() { bundle; runc_again --manage-cgroups-mode full; }
row_runc_cgroups_strict() { bundle; runc_again --manage-cgroups-mode strict; }
row_runc_auto_dedup() { bundle; runc_again --auto-dedup; }
row_runc_pre_dump() {
	bundle
	runc_run
	runc_ checkpoint --pre-dump --image-path "$R/pre" --work-path "$R/pre" "c-$$" >"$R/out" 2>&1 || {
		grep -q "missing features" "$R/out" && skip "runc wants the feature mem_track: memory is not tracked, there are no iterative dumps"
		failed "pre-dump" "$R/out" "$R/pre/dump.log"
	}
	runc_checkpoint 1 --parent-path ../pre
	runc_restore 1
}
# A terminal: its master goes to a socket of ours, before and after.
console() { # N: start a receiver
	timeout 60 python3 -B "$here/console.py" "$R/console$1" "$R/said$1" &
	for _ in $(seq 100); do [ -S "$R/console$1" ] && return; sleep 0.05; done
	die "no receiver"
}
row_runc_terminal() {
	need python3
	bundle '.process.terminal=true'
	console 1
	runc_run --console-socket "$R/console1"
	runc_checkpoint 1
	console 2
	runc_restore 1 --console-socket "$R/console2"
	for _ in $(seq 60); do grep -q echoed "$R/said2" 2>/dev/null && return; sleep 0.05; done
	die "the new master does not work: $(cat "$R/said2" 2>&1)"
}
