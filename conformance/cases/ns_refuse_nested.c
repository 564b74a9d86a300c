// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a child in another namespace than the tree's root is refused by name. */
// refuse: another uts namespace
#include <sched.h>
#include <sys/wait.h>

#include "case.h"

int main(int argc, char **argv)
{
	int pid;

	case_begin(argc, argv);
	pid = case_sys(fork());
	if (!pid) {
		case_sys(unshare(CLONE_NEWUTS));
		case_child_ready("child");
		case_wait_go();
		_exit(0);
	}
	case_wait_child("child");
	case_ready();
	waitpid(pid, NULL, 0);
	case_pass();
}
