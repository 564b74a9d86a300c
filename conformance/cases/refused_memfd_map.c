// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a mapping of a memfd is refused by name, before anything is frozen, and that
 * the task goes on.
 */
// kinds: mem-memfd
// refuse: memfd
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	int fd;

	case_begin(argc, argv);
	fd = case_sys(memfd_create("x", MFD_CLOEXEC));
	case_sys(ftruncate(fd, 4096));
	case_sys(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
