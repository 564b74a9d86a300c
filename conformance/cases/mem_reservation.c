// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that address space without memory costs nothing and comes back the
 * same: a terabyte without access, a terabyte without reserve with single
 * pages in it, pages that were only read, and huge holes; the process does not
 * hold more memory afterwards than before.
 */
// kinds: mem-anon
#include <sys/mman.h>

#include "case.h"

#define TERA (1ull << 40)

static long resident(void)
{
	long size, res;
	FILE *f = fopen("/proc/self/statm", "re");

	case_check(f && fscanf(f, "%ld %ld", &size, &res) == 2, "statm");
	fclose(f);
	return res;
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *none, *sparse, *zeros;
	long before, after;
	volatile unsigned sum = 0;

	case_begin(argc, argv);
	none = case_sys(
		mmap(NULL, TERA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	sparse = case_sys(mmap(NULL, TERA, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	zeros = case_sys(
		mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	case_sys(mprotect(none + TERA / 2, 3 * page, PROT_READ | PROT_WRITE));
	none[TERA / 2 + page] = 42;
	for (int i = 0; i < 100; i++)
		sparse[(TERA / 100 / page) * page * i + 1] = (unsigned char)(i + 1);
	for (size_t i = 0; i < 16 << 20; i += page)
		sum += zeros[i];
	before = resident();
	case_ready();
	after = resident();
	/* Pages of files come and go around faults. */
	case_check(after <= before + 1024, "%ld pages are resident, were %ld", after, before);
	case_check(none[TERA / 2 + page] == 42 && !none[TERA / 2],
		   "the page inside the reservation changed");
	case_check(!mprotect(none + 5 * page, page, PROT_READ) && !none[5 * page],
		   "the reservation changed");
	for (int i = 0; i < 100; i++)
		case_check(sparse[(TERA / 100 / page) * page * i + 1] == i + 1,
			   "single page %d changed", i);
	for (size_t i = 0; i < 16 << 20; i += page)
		sum += zeros[i];
	case_check(!sum, "zeros changed");
	case_pass();
}
