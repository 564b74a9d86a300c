// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that memory watched by a userfaultfd is refused by name, before anything is frozen,
 * and that the task goes on.
 */
// flavours: plain ns
// kinds: mem-uffd
// refuse: userfaultfd
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *p;
	int fd;

	case_begin(argc, argv);
	p = case_sys((char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0));
	fd = case_sys((int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	case_sys(ioctl(fd, UFFDIO_API, &api));
	reg.range.start = (unsigned long)p;
	reg.range.len = 4096;
	case_sys(ioctl(fd, UFFDIO_REGISTER, &reg));
	case_ready();
	case_pass();
}
