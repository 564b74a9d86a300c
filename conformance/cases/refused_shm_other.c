// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a private mapping of shared anonymous memory, made through map_files, is
 * refused by name, before anything is frozen, and that the task goes on.
 */
// flavours: plain ns
// kinds: mem-shm_other
// refuse: memory object of the kernel
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	char path[96], *p;
	int fd;

	case_begin(argc, argv);
	p = case_sys((char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0));
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (long)p, (long)p + 4096);
	fd = case_sys(open(path, O_RDWR));
	case_sys(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
