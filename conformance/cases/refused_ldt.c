// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that a process with segments of its own is refused by name, and goes on with them. */
// refuse: local descriptor table
#include <asm/ldt.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct user_desc d = {
		.entry_number = 3, .base_addr = 0x1000, .limit = 0xfff, .seg_32bit = 1, .useable = 1
	};
	char one[8];

	case_begin(argc, argv);
	case_sys(syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)));
	case_ready();
	case_check(syscall(SYS_modify_ldt, 0, one, sizeof(one)) == sizeof(one),
		   "the table has gone");
	case_pass();
}
