// SPDX-License-Identifier: GPL-2.0-or-later
/* The deaths of traced threads: a tracer sees them first (ptrace(2), "Death under ptrace"). */
#include "parasite/reap.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAP_TURNS 1000

void reap_killed(pid_t *tids, size_t n)
{
	for (int turn = 0; n && turn < REAP_TURNS; turn++) {
		for (size_t i = 0; i < n;) {
			pid_t p = waitpid(tids[i], NULL, WNOHANG | __WALL);

			if (p == tids[i] || (p < 0 && errno == ECHILD))
				tids[i] = tids[--n];
			else
				i++;
		}
		if (n)
			usleep(1000);
	}
}
