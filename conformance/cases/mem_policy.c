// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that policies which mbind(2) gave to mappings come back, private and
 * shared, and keep mappings apart that differ in nothing else; also where the
 * thread has the same policy itself.
 */
// kinds: mem-anon
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

#define BIND 2
#define PREFERRED 1
#define INTERLEAVE 3
#define LOCAL 4
#define STATIC_NODES (1 << 15)
#define BY_ADDRESS 2
#define N 7

struct seen {
	int mode;
	unsigned long nodes[16], start, end;
};

/* The policy at @p, and the mapping around it. */
static void look(char *p, struct seen *s)
{
	FILE *f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	char line[512];

	memset(s, 0, sizeof(*s));
	case_sys(syscall(SYS_get_mempolicy, &s->mode, s->nodes, 1024, p, BY_ADDRESS));
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= (unsigned long)p &&
		    (unsigned long)p < end) {
			s->start = start;
			s->end = end;
		}
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	static const int modes[N] = {
		0, BIND, PREFERRED, INTERLEAVE, LOCAL, BIND | STATIC_NODES, 0
	};
	struct seen before[N + 1], after;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned long node = 1;
	char *p, *shared;

	case_begin(argc, argv);
	p = case_sys(mmap(NULL, 2 * N * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0));
	shared = case_sys(
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	case_sys(syscall(SYS_mbind, shared, 4 * page, BIND, &node, 64, 0));
	for (int i = 0; i < N; i++)
		if (modes[i])
			case_sys(syscall(SYS_mbind, p + 2 * i * page, 2 * page, modes[i],
					 modes[i] == LOCAL ? NULL : &node,
					 modes[i] == LOCAL ? 0 : 64, 0));
	memset(p, 7, 2 * N * page);
	/* A mapping without a policy looks as if it had this one. */
	case_sys(syscall(SYS_set_mempolicy, BIND, &node, 64));
	for (int i = 0; i <= N; i++)
		look(i < N ? p + 2 * i * page : shared, &before[i]);
	case_check((before[1].mode & 0xff) == BIND && before[1].end == before[2].start,
		   "mbind(2) has no effect");
	case_ready();
	for (int i = 0; i <= N; i++) {
		look(i < N ? p + 2 * i * page : shared, &after);
		case_check(after.mode == before[i].mode && after.nodes[0] == before[i].nodes[0],
			   "mapping %d: policy %x of nodes %lx, was %x of %lx", i, after.mode,
			   after.nodes[0], before[i].mode, before[i].nodes[0]);
		case_check(after.start == before[i].start && after.end == before[i].end,
			   "mapping %d is %lx-%lx, was %lx-%lx", i, after.start, after.end,
			   before[i].start, before[i].end);
	}
	for (size_t i = 0; i < 2 * N * page; i++)
		case_check(p[i] == 7, "byte %zu has changed", i);
	case_pass();
}
