# What the rows share. R: a row's own directory. A row fails by `die`, is skipped by `skip` or when stasis says that
# something is not built.
say() { printf '%s\n' "$*"; }
die() { say "$*"; exit 1; }
skip() { say "$*"; exit 77; }

one() {
	(
		trap 'sweep' EXIT
		"row_$1"
	) </dev/null
}
# What a row leaves in any case; rows add their own.
sweeps=()
sweep() {
	local s
	for s in "${sweeps[@]}"; do $s >/dev/null 2>&1; done
}
# Its own cgroups, and those that podman and LXC leave where there were none.
cgroups_gone() { find /sys/fs/cgroup -depth -type d \( -path "*/$name*" -o -path "$podmans" -o -path "$lxcs" \) -exec rmdir {} +; }
podmans='*/libpod_parent*' lxcs='*/lxc.pivot'
ls -d /sys/fs/cgroup/*/libpod_parent >/dev/null 2>&1 && podmans=/
ls -d /sys/fs/cgroup/*/lxc.pivot >/dev/null 2>&1 && lxcs=/
need() { # PROGRAM...
	local p
	for p; do command -v "$p" >/dev/null || skip "$p is missing on this machine"; done
}

# A root filesystem with busybox, and a loop in it that counts into the rootfs and into a tmpfs.
rootfs() { # DIR
	local a
	mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/sys" "$1/etc" "$1/tmp" "$1/root"
	cp "$(command -v busybox)" "$1/bin/busybox"
	for a in sh sleep cat echo mount ls kill nc stty; do ln -s busybox "$1/bin/$a"; done
}
counter='i=0; while :; do i=$((i+1)); echo $i >/cnt.new; cat /cnt.new >/cnt; echo $i >/dev/shm/cnt; sleep 0.05; done'

count() { cat "$1" 2>/dev/null; }
# The number in the file grows.
goes_on() { # FILE WHAT
	local a b i
	a=$(count "$1")
	for i in $(seq 100); do
		b=$(count "$1")
		[ -n "$b" ] && [ "$b" != "${a:-$b}" ] && { [ "$b" -gt "$a" ] || die "$2: the count went back from $a to $b"; } && return
		: "${a:=$b}"
		sleep 0.05
	done
	die "$2: the count stands still at ${a:-nothing}"
}

# A runtime's command failed: by what is not built, or by us.
failed() { # WHAT OUTPUT LOG
	local why
	why=$(grep -h -o -E "Error .*(not built|not supported|cannot be saved|are saved|are handled).*" "$3" 2>/dev/null | head -1)
	case $why in *"not built"*) skip "${why#Error *: }" ;; esac
	grep -q "controlling terminal .* master side is outside" "$3" 2>/dev/null &&
		skip "terminals whose master the runtime holds are not handed over"
	die "$1: $(tail -3 "$2" 2>/dev/null)" "$(grep -h -B1 -A1 'Error ' "$3" 2>/dev/null | tail -5)"
}
