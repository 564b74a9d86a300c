// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that processes which share a descriptor table (clone(2) with
 * CLONE_FILES) are refused by name, and go on sharing it.
 */
// refuse: they share a descriptor table
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

int main(int argc, char **argv)
{
	int st, pid;

	case_begin(argc, argv);
	pid = case_sys((int)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
	if (!pid) {
		case_child_ready("sharer");
		case_wait_go();
		_exit(dup2(0, 100) != 100);
	}
	case_wait_child("sharer");
	case_ready();
	case_sys(waitpid(pid, &st, 0));
	case_check(!st, "the child's status is %x", st);
	case_check(fcntl(100, F_GETFD) == 0, "the table is not shared any more");
	case_pass();
}
