// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves: a user namespace of the tree's own is refused by name. */
// flavours: plain ns
// refuse: user namespace
#include <sched.h>

#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_sys(unshare(CLONE_NEWUSER));
	case_ready();
	case_pass();
}
