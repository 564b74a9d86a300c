# PostgreSQL with pgbench and a session in an open transaction: processes that share memory (System V, POSIX and
# anonymous), semaphores, latches by signalfd and epoll, timers, and a log of what was committed.
# needs: unshare setpriv pg_lsclusters
# start: unshare --ipc
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
PATH=$PATH:$bin
run() {
	local server bench
	local as="setpriv --reuid postgres --regid postgres --clear-groups"
	chown postgres .
	export PGHOST=$W PGUSER=postgres LC_ALL=C
	$as initdb -N -A trust -D data >initdb.log || cat initdb.log
	cat >>data/postgresql.conf <<-END
		listen_addresses = ''
		unix_socket_directories = '$W'
		fsync = off
		shared_buffers = 16MB
		autovacuum_naptime = 1s
		checkpoint_timeout = 30s
		log_min_messages = warning
		log_checkpoints = off
	END
	$as postgres -D data >>log 2>&1 &
	server=$!
	until_true pg_isready -q
	# What it says while it starts is not of interest.
	: >log
	pgbench -q -i postgres >init.log 2>&1 || cat init.log
	psql -q postgres -c 'CREATE TABLE held (i int)'
	# A transaction that stays open all the time.
	{ echo 'BEGIN; INSERT INTO held VALUES (1);'; until_go; echo 'INSERT INTO held VALUES (2); COMMIT;'; } | psql -q postgres &
	session=$!
	while [ ! -e "$T/go" ]; do
		pgbench -n -c 4 -j 2 -t 20 postgres >bench.out 2>&1 || cat bench.out
		grep -q 'number of failed transactions: 0 ' bench.out || cat bench.out
		echo >>rounds
	done &
	bench=$!
	ready
	ended $session $bench
	[ "$(psql -At postgres -c 'SELECT sum(i) FROM held')" = 3 ] || echo "the open transaction is lost"
	[ "$(psql -At postgres -c 'SELECT count(*) FROM pgbench_history')" = $(($(lines rounds) * 80)) ] || echo "not all that was committed is there"
	[ "$(psql -At postgres -c 'SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)')" = t ] ||
		echo "the sums differ"
	kill $server
	ended $server
	grep -E 'WARNING|ERROR|FATAL|PANIC' log | grep -v 'administrator command'
}
verify() { grep -E 'WARNING|ERROR|FATAL|PANIC' "$W/log"; }
