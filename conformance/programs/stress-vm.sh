# stress-ng: mappings that come and go, grow, move, change their protection and advice.
# dump: --ghost-limit 16M
# needs: stress-ng
step=1
run() {
	stress --vm 1 --vm-bytes 8m --vm-ops 75 --mmap 1 --mmap-bytes 4m --mmap-ops 2 --mremap 1 --mremap-bytes 2m --mremap-ops 5 \
		--malloc 1 --malloc-bytes 4m --malloc-ops 1250 --brk 1 --brk-ops 5000 --madvise 1 --madvise-ops 1 \
		--mprotect 1 --mprotect-ops 500 --mincore 1 --mincore-ops 125
}
