# Python with threads on a sqlite database, multiprocessing (queues, semaphores, shared memory) and asyncio (epoll,
# child processes, a unix socket with both ends inside).
# dump: --file-locks
# restore: --file-locks
# needs: python3 sqlite3
run() {
	local pid
	/usr/bin/python3 "$programs/python.py" "$W" "$T/go" &
	pid=$!
	until_true test -e "$W/begun"
	ready
	ended $pid
	[ "$(sqlite3 db 'PRAGMA integrity_check')" = ok ] || echo "the database is damaged"
	[ "$(sqlite3 db 'SELECT count(*) FROM t')" = "$(grep -c db steps)" ] || echo "the database is not complete"
}
progress() { lines "$W/steps"; }
