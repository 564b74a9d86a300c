// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that shared anonymous memory stays shared: between a process and its
 * child and grandchild, through mappings of a part of it, and sparse in a
 * reservation of a terabyte; its content comes back once for all of them.
 */
// kinds: mem-shmem
#include <sys/mman.h>
#include <sys/wait.h>

#include "case.h"

#define PAGES 300
#define TERA (1ull << 40)
static size_t page;

static void watch(volatile unsigned *p, int who)
{
	char name[8];

	snprintf(name, sizeof(name), "%d", who);
	p[who] = 100u + (unsigned)who;
	case_child_ready(name);
	case_wait_go();
	/* The parent writes after the restore; we answer. */
	for (int i = 0; p[0] != 4711 && i < 2000; i++)
		case_sleep_ms(5);
	case_check(p[0] == 4711, "process %d does not see what the parent wrote", who);
	__atomic_add_fetch(&p[10], 1, __ATOMIC_SEQ_CST);
	_exit(0);
}

int main(int argc, char **argv)
{
	volatile unsigned *p;
	unsigned char *tera, *part;
	pid_t child;
	int st;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	p = case_sys(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0));
	tera = case_sys(mmap(NULL, TERA, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	for (int i = 0; i < 16; i++)
		tera[(TERA / 16) * i + 5] = (unsigned char)(i + 1);
	for (size_t i = 1; i < PAGES; i += 2)
		memset((char *)p + i * page, (int)i, page);
	child = case_sys(fork());
	if (!child) {
		if (!case_sys(fork())) {
			/* Only the second half of it, at two places. */
			part = (unsigned char *)p + (PAGES / 2) * page;
			case_sys(mremap((char *)p + (PAGES / 2) * page, 0, page * 10,
					MREMAP_MAYMOVE));
			case_check(part[page] == (unsigned char)(PAGES / 2 + 1), "set-up");
			watch(p, 2);
		}
		watch(p, 1);
	}
	case_wait_child("1");
	case_wait_child("2");
	case_ready();
	case_check(p[1] == 101 && p[2] == 102, "words of the children are %u and %u", p[1], p[2]);
	for (size_t i = 1; i < PAGES; i++)
		for (size_t k = 0; k < page; k += 64) {
			unsigned char b = ((volatile unsigned char *)p)[i * page + k];

			case_check(b == (i % 2 ? (unsigned char)i : 0), "page %zu holds %d", i, b);
		}
	for (int i = 0; i < 16; i++)
		case_check(tera[(TERA / 16) * i + 5] == i + 1 && !tera[(TERA / 16) * i + 5 + page],
			   "piece %d of the terabyte changed", i);
	p[0] = 4711;
	for (int i = 0; p[10] != 2 && i < 2000; i++)
		case_sleep_ms(5);
	case_check(p[10] == 2, "%u of 2 processes answered", p[10]);
	case_check(waitpid(child, &st, 0) == child && !st, "the child ended with %#x", st);
	case_pass();
}
