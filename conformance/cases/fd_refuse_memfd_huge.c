// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that a memfd of huge pages is refused by name and stays as it was. */
// refuse: memfd of huge pages (MFD_HUGETLB) is not supported
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	int fd;

	case_begin(argc, argv);
	fd = case_sys(memfd_create("case", MFD_CLOEXEC | MFD_HUGETLB));
	case_sys(ftruncate(fd, 1 << 30));
	case_ready();
	case_check(lseek(fd, 0, SEEK_END) == 1 << 30, "the memfd changed");
	case_pass();
}
