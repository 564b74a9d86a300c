// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a user shadow stack is refused by name, before anything is frozen, and that
 * the task goes on.
 */
// kinds: mem-shadow_stack
// refuse: shadow stack
// needs: user_shstk
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	case_sys(syscall(453 /* map_shadow_stack */, NULL, 8 << 10, 0));
	case_ready();
	case_pass();
}
