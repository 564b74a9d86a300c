# node.js: its event loop and thread pool, worker threads, the JIT, child processes, both ends of a unix socket.
# needs: node
run() {
	local pid
	node "$programs/node.js" "$W" "$T/go" &
	pid=$!
	until_true test -e "$W/begun"
	ready
	ended $pid
}
progress() { lines "$W/steps"; }
