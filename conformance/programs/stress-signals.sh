# stress-ng: signals queued, pending, waited for, read from signalfds.
# Not --sigsegv: it wants the clock functions of the vDSO to fault at the first byte of a struct timespec, and in a time
# namespace, such as each restored tree lives in, this kernel's vDSO writes the nanoseconds first. cases/faults.c is exact.
# needs: stress-ng
step=1
run() {
	stress --sigq 1 --sigq-ops 2500 --sigfd 1 --sigfd-ops 1000 --sigpending 1 --sigpending-ops 2500 --sigsuspend 1 --sigsuspend-ops 1000 \
		--sigrt 1 --sigrt-ops 1000 --sigchld 1 --sigchld-ops 250 --kill 1 --kill-ops 2500 --wait 1 --wait-ops 100
}
