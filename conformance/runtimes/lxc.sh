# LXC: it calls the command line, `criu dump` and `criu restore`.
lxc_kill() { lxc-stop -P "$R/lxc" -n c1 -k; }
row_lxc_checkpoint() {
	need lxc-start lxc-checkpoint busybox
	local d=$R/lxc/c1
	rootfs "$d/rootfs"
	mkdir -p "$d/rootfs/dev/shm" "$d/rootfs/dev/pts"
	printf '#!/bin/sh\n%s\n' "$counter" >"$d/rootfs/init"
	chmod +x "$d/rootfs/init"
	cat >"$d/config" <<-EOF
		lxc.uts.name = c1
		lxc.rootfs.path = dir:$d/rootfs
		lxc.init.cmd = /init
		lxc.console.path = none
		lxc.tty.max = 0
		lxc.pty.max = 64
		lxc.mount.auto = proc:rw sys:rw
		lxc.mount.entry = tmpfs dev/shm tmpfs create=dir 0 0
		lxc.cgroup.devices.deny =
		lxc.cgroup.devices.allow =
		lxc.net.0.type = none
		lxc.net.0.type = empty
	EOF
	sweeps+=(lxc_kill cgroups_gone)
	timeout 60 lxc-start -P "$R/lxc" -n c1 -o "$R/lxc.log" -l INFO >"$R/out" 2>&1 || skip "lxc-start does not work here: $(tail -1 "$R/lxc.log")"
	goes_on "$d/rootfs/cnt" start
	local old
	timeout 60 lxc-checkpoint -P "$R/lxc" -n c1 -s -v -D "$R/image" -o "$R/lxc.log" -l INFO >"$R/out" 2>&1 || failed checkpoint "$R/lxc.log" "$R/image/dump.log"
	old=$(count "$d/rootfs/cnt")
	timeout 60 lxc-checkpoint -P "$R/lxc" -n c1 -r -v -D "$R/image" -o "$R/lxc.log" -l INFO >"$R/out" 2>&1 || failed restore "$R/lxc.log" "$R/image/restore.log"
	goes_on "$d/rootfs/cnt" restore
	[ "$(count "$d/rootfs/cnt")" -gt "$old" ] || die "the count began again"
}
