// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that secret memory is refused by name, before anything is frozen, and that the task
 * goes on.
 */
// kinds: mem-secretmem
// refuse: secret memory
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	int fd;

	case_begin(argc, argv);
	fd = case_sys((int)syscall(447 /* memfd_secret */, 0));
	case_sys(ftruncate(fd, 4096));
	case_sys(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
