// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a parent in vfork() whose child is about to exit is no obstacle:
 * the dump waits for it (such a parent cannot be stopped), and all goes on.
 */
// changes: by itself
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

static pid_t parent_of_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		/* Nothing but system calls: the memory is the parent's. */
		struct timespec ts = { 0, 700000000 };

		syscall(SYS_nanosleep, &ts, NULL);
		syscall(SYS_exit_group, 9);
	}
	return pid;
}

int main(int argc, char **argv)
{
	pid_t pid, child;
	int st;

	case_begin(argc, argv);
	pid = case_sys(fork());
	if (!pid) {
		case_child_ready("parent");
		child = parent_of_vfork();
		case_check(child > 0 && waitpid(child, &st, 0) == child && st == 9 << 8,
			   "the vfork child %d: status %x", child, st);
		_exit(5);
	}
	case_wait_child("parent");
	case_sleep_ms(20);
	case_ready();
	case_check(waitpid(pid, &st, 0) == pid && st == 5 << 8, "the parent's status is %x", st);
	case_pass();
}
