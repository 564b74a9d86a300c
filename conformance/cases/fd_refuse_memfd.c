// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a memfd is refused by name and stays as it was.
 */
// refuse: memfd files are not supported
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	char c[8];
	int fd;

	case_begin(argc, argv);
	fd = case_sys(memfd_create("case", MFD_CLOEXEC));
	case_sys(write(fd, "content", 7));
	case_ready();

	case_check(pread(fd, c, 8, 0) == 7 && !memcmp(c, "content", 7), "the memfd changed");
	case_pass();
}
