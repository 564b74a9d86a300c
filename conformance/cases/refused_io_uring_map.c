// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a mapped io_uring is refused by name, before anything is frozen, and that the
 * task goes on.
 */
// kinds: mem-io_uring
// refuse: io_uring
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct io_uring_params p = { 0 };
	int fd;

	case_begin(argc, argv);
	fd = case_sys((int)syscall(SYS_io_uring_setup, 4, &p));
	case_sys(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING));
	close(fd);
	case_ready();
	case_pass();
}
