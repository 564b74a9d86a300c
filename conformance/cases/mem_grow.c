// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that what grows goes on growing: the break to the byte where it was,
 * the heap above it, the stack far below where it was touched, and another
 * mapping with MAP_GROWSDOWN; and that the guard pages of neither are gone.
 */
// kinds: mem-anon
#include <sys/mman.h>

#include "case.h"

static size_t page;

static __attribute__((noinline)) unsigned deep(unsigned n)
{
	volatile unsigned char room[8192];

	memset((void *)room, (int)n, sizeof(room));
	return n ? deep(n - 1) + room[n % sizeof(room)] : room[0];
}

int main(int argc, char **argv)
{
	unsigned char *brk0, *heap, *grows, *base;
	unsigned long sum, want = 0;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	heap = case_sys(sbrk(12345));
	memset(heap, 0x21, 12345);
	brk0 = sbrk(0);
	/* Room below for growing, as the kernel leaves no gap by itself. */
	base = case_sys(mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	case_sys(munmap(base, 1 << 20));
	grows = case_sys(mmap(base + (1 << 20) - 2 * page, 2 * page, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1,
			      0));
	grows[page] = 7;
	case_ready();
	case_check(sbrk(0) == brk0, "the break is %p, was %p", sbrk(0), brk0);
	case_check(heap[0] == 0x21 && heap[12344] == 0x21, "the heap changed");
	case_check(sbrk(1 << 20) == brk0, "the break does not grow");
	memset(brk0, 0x22, 1 << 20);
	case_check(!brk(brk0), "the break does not shrink");
	case_check(grows[page] == 7 && grows[0] == 0, "the growing mapping changed");
	for (size_t i = 0; i < 40; i++)
		*(volatile unsigned char *)(grows - i * page) = (unsigned char)i;
	for (unsigned i = 0; i <= 400; i++)
		want += i & 0xff;
	sum = deep(400); /* three megabytes */
	case_check(sum == want, "the grown stack gave %lu, not %lu", sum, want);
	case_pass();
}
