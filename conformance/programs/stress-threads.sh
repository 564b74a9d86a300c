# stress-ng: threads, futexes, contexts, clones, vforks and execs that begin and end all the time.
# needs: stress-ng
step=1
run() {
	stress --pthread 1 --pthread-ops 60 --pthread-max 64 --futex 1 --futex-ops 1000 --context 1 \
		--context-ops 400 --switch 1 --switch-ops 4000 --vfork 1 --vfork-ops 40 --exec 1 --exec-ops 10 \
		--fork 1 --fork-ops 40 --zombie 1 --zombie-ops 20 --membarrier 1 --membarrier-ops 10 --tlb-shootdown 1 --tlb-shootdown-ops 4 \
		--schedpolicy 1 --schedpolicy-ops 10
}
