// SPDX-License-Identifier: GPL-2.0-or-later
/* Proves that memory with a protection key is refused by name, and keeps it. */
// kinds: mem-pkey
// needs: ospke
// refuse: memory with a protection key
#include <sys/mman.h>

#include "case.h"

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int key, p[2];
	char *m;

	case_begin(argc, argv);
	m = case_sys(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	*m = 1;
	case_sys(pipe(p));
	key = case_sys(pkey_alloc(0, 0));
	case_sys(pkey_mprotect(m, page, PROT_READ | PROT_WRITE, key));
	case_sys(pkey_set(key, PKEY_DISABLE_ACCESS));
	case_ready();
	case_check(write(p[1], m, 1) < 0 && errno == EFAULT, "the memory is open");
	case_pass();
}
