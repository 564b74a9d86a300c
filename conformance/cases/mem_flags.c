// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves that every mapping keeps its address, size, protection and flags:
 * locked (at once and on fault), advice of each sort, no reserve, droppable,
 * sealed, guard ranges; compared as /proc/self/smaps shows them.
 */
// kinds: mem-anon
// cflags: -Wno-unused-result
#include <sys/mman.h>
#include <sys/syscall.h>

#include "case.h"

#define MAX 400
struct seen {
	char head[200], flags[512];
};
static struct seen before[MAX], after[MAX];
static size_t page;

static unsigned char *map(size_t pages, int flags)
{
	unsigned char *p = case_sys(mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE,
					 flags | MAP_ANONYMOUS, -1, 0));

	/* Keeps mappings with equal flags apart. */
	case_sys(mprotect(p + pages * page, page, PROT_NONE));
	p[0] = 1;
	return p;
}

/* Heads without the inode, which names a new object after a restore. */
static size_t look(struct seen *v)
{
	FILE *f = case_sys(fopen("/proc/self/smaps", "re") ?: (FILE *)-1);
	char line[512], addr[64], perm[8], off[32], name[64];
	size_t n = 0;

	while (fgets(line, sizeof(line), f)) {
		/* Only counts for the commit limit, and depends on the order of calls once made. */
		char *ac = strstr(line, " ac");

		if (!strncmp(line, "VmFlags:", 8) && ac)
			memmove(ac, ac + 3, strlen(ac + 3) + 1);
		if (!strncmp(line, "VmFlags:", 8) && n)
			snprintf(v[n - 1].flags, sizeof(v->flags), "%s", line + 8);
		name[0] = 0;
		if (!strstr(line, "-") ||
		    sscanf(line, "%63s %7s %31s %*s %*s %63s", addr, perm, off, name) < 3 ||
		    !strchr(addr, '-'))
			continue;
		case_check(n < MAX, "too many mappings");
		snprintf(v[n++].head, sizeof(v->head), "%s %s %s %s", addr, perm, off, name);
	}
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	static const int advice[] = { MADV_DONTFORK,   MADV_DONTDUMP, MADV_WIPEONFORK,
				      MADV_MERGEABLE,  MADV_HUGEPAGE, MADV_NOHUGEPAGE,
				      MADV_SEQUENTIAL, MADV_RANDOM };
	unsigned char *p, *guard;
	size_t n, m;

	case_begin(argc, argv);
	page = (size_t)sysconf(_SC_PAGESIZE);
	/* Kinds of advice that this kernel does not know are left out. */
	for (size_t i = 0; i < sizeof(advice) / sizeof(*advice); i++)
		madvise(map(4, MAP_PRIVATE), 4 * page, advice[i]);
	p = map(4, MAP_PRIVATE);
	madvise(p, 4 * page, MADV_DONTFORK);
	madvise(p, 4 * page, MADV_DONTDUMP);
	map(4, MAP_PRIVATE | MAP_NORESERVE);
	mlock(map(4, MAP_PRIVATE), 4 * page);
	syscall(SYS_mlock2, map(4, MAP_PRIVATE), 4 * page, 1);
	mlock(map(4, MAP_SHARED), 4 * page);
	mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, 0x08 /* MAP_DROPPABLE */ | MAP_ANONYMOUS, -1,
	     0);
	syscall(462 /* mseal */, map(4, MAP_PRIVATE), 4 * page, 0);
	guard = map(4, MAP_PRIVATE);
	guard[3 * page] = 3;
	m = !madvise(guard + page, page, 102 /* MADV_GUARD_INSTALL */);
	fopen("/dev/null", "re"); /* stdio has its memory now */
	look(before);
	n = look(before);
	case_ready();
	case_check(look(after) == n, "%zu mappings, were %zu", look(after), n);
	for (size_t i = 0; i < n; i++) {
		case_check(!strcmp(before[i].head, after[i].head), "mapping %s, was %s",
			   after[i].head, before[i].head);
		case_check(!strcmp(before[i].flags, after[i].flags),
			   "mapping %s: flags %s, were %s", after[i].head, after[i].flags,
			   before[i].flags);
	}
	case_check(guard[0] == 1 && guard[3 * page] == 3, "memory around the guard range changed");
	if (m) {
		int fd[2];

		case_sys(pipe(fd));
		case_check(write(fd[1], guard + page, 1) < 0 && errno == EFAULT,
			   "the guard range is open");
	}
	case_pass();
}
