// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that memory of hugetlbfs is refused by name, before anything is frozen, and that
 * the task goes on.
 */
// kinds: mem-hugetlb
// refuse: huge pages
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	case_begin(argc, argv);
	/* Without reserve it needs no huge page. */
	case_sys(mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0));
	case_ready();
	case_pass();
}
