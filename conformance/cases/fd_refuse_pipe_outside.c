// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a pipe whose other end belongs to a stranger is refused by name.
 */
// refuse: reading end is held by a process outside the tree: pid [0-9]* (fd_refuse_pipe
// flavours: plain
#include <sys/wait.h>

#include "case.h"

/* A process that is not of the tree: its parent is gone. */
static void stranger(int keep, int close_fd)
{
	pid_t child = case_sys(fork());

	if (child) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		return;
	}
	if (fork())
		_exit(0);
	setsid();
	close(close_fd);
	case_child_ready("stranger");
	case_wait_for("result");
	_exit(keep < 0);
}

int main(int argc, char **argv)
{
	int p[2];

	case_begin(argc, argv);
	case_sys(pipe(p));
	stranger(p[0], p[1]);
	close(p[0]);
	case_wait_child("stranger");
	case_ready();

	case_check(write(p[1], "x", 1) == 1, "the pipe is dead");
	case_pass();
}
