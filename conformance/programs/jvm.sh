# A JVM: Rhino, an interpreter and compiler written in Java, on a program with many threads; the JIT and the garbage
# collector have threads of their own, and /tmp has a mapped file of its counters.
# needs: java rhino
run() {
	local pid
	# The counters' files are named by pid, and other namespaces have the same pids.
	mkdir -p /tmp/hsperfdata_root
	[ "$flavour" = plain ] || mount -t tmpfs none /tmp/hsperfdata_root
	java -Xmx128m -XX:+UseG1GC -cp /usr/share/java/js.jar org.mozilla.javascript.tools.shell.Main -opt 1 "$programs/jvm.js" "$W" "$T/go" &
	pid=$!
	until_true test -e "$W/begun"
	ready
	ended $pid
}
progress() { lines "$W/steps"; }
