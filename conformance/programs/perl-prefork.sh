# A Perl server with four preforked workers that end and are replaced all the time, and clients on its unix socket.
# needs: perl
server="perl $programs/prefork.pl"
run() {
	local server_pid clients= i
	: >log
	$server "$W/sock" "$W/log" 4 &
	server_pid=$!
	until_true test -S "$W/sock"
	for i in 1 2 3 4; do
		: >"acked$i"
		perl "$programs/client.pl" "$W/sock" "$W/acked$i" "$T/go" $([ $i -gt 2 ] && echo 1 || echo 100) &
		clients="$clients $!"
	done
	ready
	ended $clients
	kill $server_pid
	ended $server_pid
	verify
}
progress() { lines "$W"/acked?; }
# Everything that was acknowledged is in the server's log, once.
verify() {
	# The acknowledgements first: the log may grow meanwhile.
	local acked log
	acked=$(sort "$W"/acked?)
	log=$(sort "$W/log")
	comm -23 <(say "$acked") <(say "$log") | head -3 | sed 's/^/acknowledged but lost: /'
	say "$log" | uniq -d | head -3 | sed 's/^/done twice: /'
}
