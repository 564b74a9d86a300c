# stress-ng: POSIX timers, interval timers, timerfds, alarms and sleeps.
# needs: stress-ng
step=1
run() {
	stress --timer 1 --timer-ops 1000 --itimer 1 --itimer-ops 30 --timerfd 1 --timerfd-ops 400 --alarm 1 --alarm-ops 4 \
		--nanosleep 1 --nanosleep-ops 10 --clock 1 --clock-ops 40
}
