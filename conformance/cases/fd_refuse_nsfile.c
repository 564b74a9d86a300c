// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a descriptor of a namespace in which no task of the tree lives is
 * refused by name, and still good afterwards.
 */
// refuse: no task of the tree lives in this namespace
#include <sched.h>
#include <sys/wait.h>

#include "case.h"

int main(int argc, char **argv)
{
	int other, own, st;
	pid_t pid;

	case_begin(argc, argv);
	own = case_sys(open("/proc/self/ns/uts", O_RDONLY));
	case_sys(unshare(CLONE_NEWUTS));
	other = case_sys(open("/proc/self/ns/uts", O_RDONLY));
	case_sys(setns(own, CLONE_NEWUTS));
	case_ready();

	pid = case_sys(fork());
	if (!pid)
		_exit(setns(other, CLONE_NEWUTS) != 0);
	case_check(waitpid(pid, &st, 0) == pid && !st, "setns fails: %x", st);
	case_pass();
}
