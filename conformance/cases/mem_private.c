// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that private anonymous memory comes back byte for byte: written
 * pages between untouched ones, pages of a mapping that can be read or written
 * no longer, and, after fork, what parent and child wrote each for themselves
 * over what they had in common.
 */
// kinds: mem-anon
#include <sys/mman.h>
#include <sys/wait.h>

#include "case.h"

#define PAGES 1000
static size_t page;

static unsigned char *map(size_t pages)
{
	return case_sys(mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static unsigned char value(size_t i, int who)
{
	if (i % 3 == 1)
		return 0; /* never touched */
	return (unsigned char)(i * 7 + (i % 5 == 0 ? who : 0) + 1);
}

static void fill(unsigned char *p, int who)
{
	for (size_t i = 0; i < PAGES; i++)
		if (value(i, who))
			memset(p + i * page, value(i, who), page);
}

static void check(const unsigned char *p, int who)
{
	for (size_t i = 0; i < PAGES * page; i++)
		case_check(p[i] == value(i / page, who), "process %d: byte %zu is %d, was %d", who,
			   i, p[i], value(i / page, who));
}

int main(int argc, char **argv)
{
	unsigned char *p, *none, *readonly, *writeonly;
	pid_t child;
	int st;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	p = map(PAGES);
	fill(p, 0);
	none = map(3);
	memset(none, 0x11, 2 * page);
	case_sys(mprotect(none, 3 * page, PROT_NONE));
	readonly = map(3);
	memset(readonly + page, 0x22, page);
	case_sys(mprotect(readonly, 3 * page, PROT_READ));
	writeonly = map(1);
	memset(writeonly, 0x33, page);
	case_sys(mprotect(writeonly, page, PROT_WRITE));
	child = case_sys(fork());
	fill(p, child ? 1 : 2);
	if (!child) {
		case_child_ready("1");
		case_wait_go();
		check(p, 2);
		_exit(0);
	}
	case_wait_child("1");
	case_ready();
	check(p, 1);
	case_sys(mprotect(none, 3 * page, PROT_READ));
	case_sys(mprotect(writeonly, page, PROT_READ));
	for (size_t i = 0; i < 3 * page; i++) {
		case_check(none[i] == (i < 2 * page ? 0x11 : 0), "PROT_NONE memory: byte %zu is %d",
			   i, none[i]);
		case_check(readonly[i] == (i / page == 1 ? 0x22 : 0),
			   "read-only memory: byte %zu is %d", i, readonly[i]);
	}
	case_check(writeonly[0] == 0x33 && writeonly[page - 1] == 0x33,
		   "write-only memory changed");
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with %#x", st);
	case_pass();
}
