// SPDX-License-Identifier: MIT
/*
 * helper_takepid PID: a child with that very pid, until we are told to end.
 * helper_takepid PID session: it begins a session and ends; an orphan of its,
 * whose pid is printed, goes on in that.
 */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t want = argc > 1 ? atoi(argv[1]) : 0, pid = -1;
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&want,
				   .set_tid_size = 1 };
	struct timespec ms = { 0, 1000000 };
	int i;

	for (i = 0; i < 1000 && pid < 0; i++) {
		pid = syscall(SYS_clone3, &args, sizeof(args));
		nanosleep(&ms, NULL);
	}
	if (pid < 0)
		return 1;
	if (pid == 0 && argc > 2) {
		setsid();
		pid = fork();
		if (pid)
			return dprintf(1, "%d\n", pid) < 0;
		close(1);
		for (;;)
			pause();
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	waitpid(pid, NULL, 0);
	return 0;
}
