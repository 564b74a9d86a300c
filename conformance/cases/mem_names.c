// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that names given to anonymous memory come back, private and shared,
 * also where two neighbours differ in nothing else.
 */
// kinds: mem-anon mem-shmem
#include <sys/mman.h>
#include <sys/prctl.h>

#include "case.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define N 5

static const void *name_of(const void *at, char *buf, size_t size)
{
	FILE *f = case_sys(fopen("/proc/self/maps", "re") ?: (FILE *)-1);
	unsigned long start, end, found = 0;
	char line[512], name[256];

	*buf = 0;
	while (fgets(line, sizeof(line), f)) {
		*name = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255[^\n]", &start, &end, name) < 2 ||
		    (unsigned long)at < start || (unsigned long)at >= end)
			continue;
		found = end;
		snprintf(buf, size, "%s", name);
	}
	fclose(f);
	return (const void *)found;
}

int main(int argc, char **argv)
{
	static const char *const names[N] = { "one", "a name: with (odd) signs", "shared one",
					      "shared two", "not writable" };
	char before[N][256], after[256];
	const void *ends[N], *end;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p[N];

	case_begin(argc, argv);
	p[0] = case_sys(
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	p[1] = p[0] + 2 * page;
	p[2] = case_sys(
		mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	p[3] = p[2] + 2 * page;
	p[4] = case_sys(mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < N; i++) {
		int r = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p[i], 2 * page, names[i]);

		/* Without CONFIG_ANON_VMA_NAME there is none; shared memory has names since 6.2. */
		case_check(!r || i || errno == EINVAL || errno == EBADF, "prctl: %m");
		if (i < 4)
			p[i][0] = (char)i;
	}
	for (int i = 0; i < N; i++)
		ends[i] = name_of(p[i], before[i], sizeof(before[i]));
	case_ready();
	for (int i = 0; i < N; i++) {
		end = name_of(p[i], after, sizeof(after));
		case_check(!strcmp(before[i], after), "mapping %d is \"%s\", was \"%s\"", i, after,
			   before[i]);
		case_check(end == ends[i], "mapping %d ends at %p, did at %p", i, end, ends[i]);
		case_check(i == 4 || p[i][0] == i, "mapping %d has lost its content", i);
	}
	case_pass();
}
