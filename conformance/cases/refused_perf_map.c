// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a mapped perf buffer is refused by name, before anything is frozen, and that
 * the task goes on.
 */
// flavours: plain ns
// kinds: mem-perf
// refuse: perf buffer
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct perf_event_attr a = { .size = sizeof(a),
				     .type = PERF_TYPE_SOFTWARE,
				     .config = PERF_COUNT_SW_DUMMY };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd;

	case_begin(argc, argv);
	fd = case_sys((int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0));
	case_sys(mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	case_ready();
	case_pass();
}
