// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that a descriptor of secret memory, mapped by nobody, is refused as what it is. To
 * the kernel it looks like a removed file that has another name.
 */
// dump: --link-remap
// refuse: secret memory cannot be read by anybody else (step "preflight")
// kinds: reg
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

int main(int argc, char **argv)
{
	char *p;
	int fd;

	case_begin(argc, argv);
	fd = case_sys((int)syscall(447 /* memfd_secret */, 0));
	case_sys(ftruncate(fd, 4096));
	case_ready();
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	case_check(p != MAP_FAILED && !p[0], "the descriptor is no longer good");
	case_pass();
}
