// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that mlockall(2) holds for mappings to come after a restore as before:
 * locked at once, locked on fault, or not at all.
 */
// kinds: mem-anon
#include <sys/mman.h>
#include <sys/wait.h>

#include "case.h"

/* VmFlags of the mapping at @p. */
static void flags_of(const void *p, char *buf, size_t size)
{
	FILE *f = case_sys(fopen("/proc/self/smaps", "re") ?: (FILE *)-1);
	char line[512];
	unsigned long start, end;
	bool here = false;

	*buf = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)p >= start && (unsigned long)p < end;
		if (here && !strncmp(line, "VmFlags:", 8))
			snprintf(buf, size, "%s", line + 8);
	}
	fclose(f);
}

/* Of a new page: the flags, and whether it is there before anybody touched it. */
static void look(char *buf, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char there, *p;

	/* Mapped alone: the flags of a neighbour are not what this is about. */
	p = case_sys(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	case_sys(mincore(p, page, &there));
	flags_of(p, buf, size);
	snprintf(buf + strlen(buf), size - strlen(buf), "there %d", there & 1);
	case_sys(munmap(p, page));
}

static void child(const char *name, int flags)
{
	char before[600], after[600];

	if (flags)
		case_sys(mlockall(flags));
	look(before, sizeof(before));
	case_check(!flags == !strstr(before, " lo"), "%s: mlockall has no effect: %s", name,
		   before);
	case_child_ready(name);
	case_wait_go();
	look(after, sizeof(after));
	case_check(!strcmp(before, after), "%s: a new page has %s, had %s", name, after, before);
	_exit(0);
}

int main(int argc, char **argv)
{
	static const int flags[] = { 0, MCL_FUTURE, MCL_FUTURE | MCL_ONFAULT,
				     MCL_CURRENT | MCL_FUTURE };
	char name[16];
	int st;

	case_begin(argc, argv);
	for (size_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%zu", i);
		if (!case_sys(fork()))
			child(name, flags[i]);
		case_wait_child(name);
	}
	case_ready();
	while (wait(&st) > 0)
		case_check(!st, "a child's status is %x", st);
	case_pass();
}
