// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that an AIO context is refused by name, before anything is frozen, and that the
 * task goes on.
 */
// kinds: mem-aio
// refuse: AIO ring
#include <linux/aio_abi.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	aio_context_t ctx = 0;

	case_begin(argc, argv);
	case_sys(syscall(SYS_io_setup, 8, &ctx));
	case_ready();
	case_pass();
}
