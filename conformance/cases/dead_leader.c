// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that a process whose leading thread has ended, while other threads go on, is refused by name. */
// cflags: -pthread
// refuse: leading thread
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static void *survivor(void *arg)
{
	long tid = syscall(SYS_gettid);

	case_child_ready("survivor");
	case_wait_go();
	case_check(syscall(SYS_gettid) == tid && tid != getpid(), "the tid changed");
	_exit(17);
}

int main(int argc, char **argv)
{
	int st;
	pid_t pid;

	case_begin(argc, argv);
	pid = case_sys(fork());
	if (!pid) {
		pthread_t t;

		case_check(!pthread_create(&t, NULL, survivor, NULL), "pthread_create");
		syscall(SYS_exit, 0);
	}
	case_wait_child("survivor");
	case_sleep_ms(20);
	case_ready();
	case_check(waitpid(pid, &st, 0) == pid && st == 17 << 8, "the child's status is %x", st);
	case_pass();
}
