// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a thread that catches its own system calls (syscall user
 * dispatch) is refused by name, and goes on.
 */
// refuse: syscall user dispatch
#include <sys/prctl.h>

#include "case.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

int main(int argc, char **argv)
{
	static volatile char allow; /* SYSCALL_DISPATCH_FILTER_ALLOW */

	case_begin(argc, argv);
	case_sys(prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &allow));
	case_ready();
	case_sys(prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0));
	case_pass();
}
