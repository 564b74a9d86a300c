// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that ten thousand mappings come back, each with its protection and
 * its page.
 */
// kinds: mem-anon
#include <sys/mman.h>

#include "case.h"

#define N 10000

static unsigned count(void)
{
	FILE *f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	unsigned n = 0;
	int c;

	while ((c = getc_unlocked(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *p;
	unsigned n;

	case_begin(argc, argv);
	p = case_sys(
		mmap(NULL, N * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (size_t i = 0; i < N; i++)
		*(unsigned *)(p + i * page) = (unsigned)(i * 2654435761u + 1);
	for (size_t i = 0; i < N; i += 2)
		case_sys(mprotect(p + i * page, page, PROT_READ));
	count();
	n = count();
	case_check(n > N, "set-up: %u mappings", n);
	case_ready();
	case_check(count() == n, "%u mappings, were %u", count(), n);
	for (size_t i = 0; i < N; i++)
		case_check(*(unsigned *)(p + i * page) == (unsigned)(i * 2654435761u + 1),
			   "page %zu changed", i);
	case_pass();
}
