# stress-ng: pipes, FIFOs, eventfds, poll and epoll, splice, tee, vmsplice and sendfile.
# needs: stress-ng
step=1
run() {
	stress --pipe 1 --pipe-ops 6666 --fifo 1 --fifo-ops 1666 --eventfd 1 --eventfd-ops 1666 \
		--poll 1 --poll-ops 666 --epoll 1 --epoll-domain unix --epoll-ops 66 --dup 1 --dup-ops 16 --sendfile 1 --sendfile-ops 166 \
		--sendfile-size 64k --splice 1 --splice-ops 166 --tee 1 --tee-ops 666 --vm-splice 1 --vm-splice-ops 666
}
