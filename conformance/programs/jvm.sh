# A JVM: Rhino, an interpreter and compiler written in Java, on a program with many threads; the JIT and the garbage
# collector have threads of their own, and /tmp has a mapped file of its counters.
# start: unshare --mount
# needs: java rhino
run() {
	local pid
	# Every JVM removes the files there of those that it holds for dead.
	mkdir -p /tmp/hsperfdata_root
	mount -t tmpfs none /tmp/hsperfdata_root
	java -Xmx128m -XX:+UseG1GC -cp /usr/share/java/js.jar org.mozilla.javascript.tools.shell.Main -opt 1 "$programs/jvm.js" "$W" "$T/go" &
	pid=$!
	until_true test -e "$W/begun"
	ready
	ended $pid
}
progress() { lines "$W/steps"; }
