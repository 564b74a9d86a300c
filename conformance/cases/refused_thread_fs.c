// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a thread with a working directory of its own (unshare(2)) is
 * refused by name, and keeps it.
 */
// cflags: -pthread
// refuse: it has a working directory and umask of its own
#include <pthread.h>
#include <sched.h>

#include "case.h"

static char inside[512], now[512];

static void *thread(void *arg)
{
	case_sys(unshare(CLONE_FS));
	case_sys(chdir("/proc"));
	case_child_ready("thread");
	case_wait_go();
	case_check(getcwd(inside, sizeof(inside)) && !strcmp(inside, "/proc"),
		   "the thread is in %s", inside);
	return NULL;
}

int main(int argc, char **argv)
{
	char before[512];
	pthread_t t;

	case_begin(argc, argv);
	case_check(getcwd(before, sizeof(before)) != NULL, "getcwd: %m");
	case_check(!pthread_create(&t, NULL, thread, NULL), "no thread");
	case_wait_child("thread");
	case_ready();
	pthread_join(t, NULL);
	case_check(getcwd(now, sizeof(now)) && !strcmp(now, before), "the process is in %s", now);
	case_pass();
}
