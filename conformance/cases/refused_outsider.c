// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a tree is refused, before anything is frozen, while a process
 * outside of it is in its session: an orphan here, whose number would never
 * come free for a restore. It is named, and the tree goes on.
 */
// flavours: plain
// refuse: outside the tree is in its session
#include <sys/prctl.h>
#include <sys/wait.h>

#include "case.h"

int main(int argc, char **argv)
{
	pid_t pid, session;
	int st;

	case_begin(argc, argv);
	pid = case_sys(fork());
	if (!pid) {
		pid_t parent = getpid();

		/* Its own parent ends at once: whoever adopts it is not of the tree. */
		if (case_sys(fork()))
			_exit(0);
		while (getppid() == parent)
			case_sleep_ms(1);
		case_child_ready("orphan");
		case_wait_for("result");
		_exit(0);
	}
	session = case_sys(getsid(0));
	case_wait_child("orphan");
	case_sys(waitpid(pid, &st, 0));
	case_ready();
	case_check(getsid(0) == session, "the session is %d, was %d", getsid(0), session);
	case_pass();
}
