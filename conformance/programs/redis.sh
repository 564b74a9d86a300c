# redis-server with an append-only file, saving in the background (fork, threads) all the time while two clients write.
# needs: redis-server redis-cli
run() {
	local server clients saver i
	redis-server --port 0 --unixsocket "$W/sock" --save '' --appendonly yes --dir "$W" --logfile "$W/log" --daemonize no &
	server=$!
	until_true test -S "$W/sock"
	for i in 1 2; do
		: >"acked$i"
		"$BUILD/conformance/demo/client" hammer "$W/sock" "$W/acked$i" &
		clients="$clients $!"
	done
	while sleep 0.1; do redis-cli -s "$W/sock" bgsave; redis-cli -s "$W/sock" bgrewriteaof; done >saves &
	saver=$!
	ready
	until_go
	kill $clients $saver
	wait $clients $saver 2>/dev/null
	for i in 1 2; do "$BUILD/conformance/demo/client" verify "$W/sock" "$W/acked$i" >/dev/null; done
	redis-cli -s "$W/sock" shutdown
	ended $server
	grep -E '^[^#]*# ' log | grep -v -E 'just started|Configuration loaded|Server initialized|WARNING|oO0|There is a child|User requested shutdown|ready to exit'
}
progress() { lines "$W"/acked?; }
