// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mappings as the kernel lists them (proc_pid_maps(5), proc_pid_smaps(5)).
 *
 * A dump reads smaps: only there are the flags (grows down, locked, advice),
 * and it says which mappings hold private pages at all. One pass costs about
 * 1 us a mapping and 3 ms a GiB, less than asking twice. Names in these files
 * are escaped; the exact name of a mapped file comes from its map_files link.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "mem/mem-internal.h"

/* VmFlags words that matter; what is not here has no meaning for a restore. */
static const struct {
	char word[3];
	unsigned vm;
	uint64_t madv;
} vm_words[] = {
	{ "gd", VM_GROWSDOWN, 0 },
	{ "lo", VM_LOCKED, 0 },
	{ "nr", VM_NORESERVE, 0 },
	{ "mw", VM_MAYWRITE, 0 },
	{ "dp", VM_DROPPABLE, 0 },
	{ "sl", VM_SEALED, 0 },
	{ "ht", VM_HUGETLB, 0 },
	{ "um", VM_UFFD, 0 },
	{ "uw", VM_UFFD, 0 },
	{ "ui", VM_UFFD, 0 },
	{ "ss", VM_SHADOW_STACK, 0 },
	{ "io", VM_IO, 0 },
	{ "lf", VM_LOCKONFAULT, 0 },
	{ "gu", VM_MAYBE_GUARD, 0 },
	{ "rr", 0, 1ull << MADV_RANDOM },
	{ "sr", 0, 1ull << MADV_SEQUENTIAL },
	{ "dc", 0, 1ull << MADV_DONTFORK },
	{ "mg", 0, 1ull << MADV_MERGEABLE },
	{ "hg", 0, 1ull << MADV_HUGEPAGE },
	{ "nh", 0, 1ull << MADV_NOHUGEPAGE },
	{ "dd", 0, 1ull << MADV_DONTDUMP },
	{ "wf", 0, 1ull << MADV_WIPEONFORK },
};

static bool parse_hex(const char **p, uint64_t *ret, char end)
{
	char *stop;

	*ret = strtoull(*p, &stop, 16);
	if (stop == *p || *stop != end)
		return false;
	*p = stop + 1;
	return true;
}

/* "start-end rwxp offset major:minor inode    name" */
static bool parse_head(struct pool *pool, const char *p, struct map_line *l)
{
	uint64_t major, minor;
	char *stop;

	memset(l, 0, sizeof(*l));
	if (!parse_hex(&p, &l->start, '-') || !parse_hex(&p, &l->end, ' ') || strlen(p) < 5)
		return false;
	l->prot = (p[0] == 'r' ? PROT_READ : 0) | (p[1] == 'w' ? PROT_WRITE : 0) |
		  (p[2] == 'x' ? PROT_EXEC : 0);
	l->shared = p[3] == 's';
	p += 5;
	if (!parse_hex(&p, &l->pgoff, ' ') || !parse_hex(&p, &major, ':') ||
	    !parse_hex(&p, &minor, ' '))
		return false;
	l->dev = makedev(major, minor);
	l->ino = strtoull(p, &stop, 10);
	if (stop == p)
		return false;
	while (*stop == ' ')
		stop++;
	l->name = *stop ? pool_strdup(pool, stop) : (char *)"";
	return true;
}

static void parse_flags(const char *p, struct map_line *l)
{
	while (*p) {
		while (*p == ' ')
			p++;
		if (!p[0] || !p[1])
			break;
		for (size_t i = 0; i < ARRAY_SIZE(vm_words); i++) {
			if (p[0] == vm_words[i].word[0] && p[1] == vm_words[i].word[1]) {
				l->vm |= vm_words[i].vm;
				l->madv |= vm_words[i].madv;
				break;
			}
		}
		/* Older kernels have no word for "locked on fault" and write question marks. */
		if (p[0] == '?' && l->vm & VM_LOCKED)
			l->vm |= VM_LOCKONFAULT;
		p += 2;
	}
}

/* A line below a mapping's head in smaps. */
static void parse_detail(const char *p, struct map_line *l)
{
	switch (*p) {
	case 'A':
		if (!strncmp(p, "Anonymous:", 10))
			l->anon += strtoull(p + 10, NULL, 10) << 10;
		break;
	case 'P':
		if (!strncmp(p, "ProtectionKey:", 14))
			l->pkey = atoi(p + 14);
		break;
	case 'S':
		if (!strncmp(p, "Swap:", 5))
			l->anon += strtoull(p + 5, NULL, 10) << 10;
		break;
	case 'V':
		if (!strncmp(p, "VmFlags:", 8)) {
			parse_flags(p + 8, l);
			l->detailed = true;
		}
		break;
	}
}

static bool is_head(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

struct map_lines {
	struct pool *pool;
	struct map_line *v;
	size_t n, cap;
};

static bool take_line(struct map_lines *ls, const char *line)
{
	if (!is_head(*line)) {
		if (ls->n)
			parse_detail(line, &ls->v[ls->n - 1]);
		return true;
	}
	if (ls->n == ls->cap) {
		size_t cap = ls->cap ? 2 * ls->cap : 64;
		struct map_line *v = pool_alloc(ls->pool, cap * sizeof(*v));

		if (ls->n)
			memcpy(v, ls->v, ls->n * sizeof(*v));
		ls->v = v;
		ls->cap = cap;
	}
	return parse_head(ls->pool, line, &ls->v[ls->n++]);
}

/* Whole lines of buf[0..len) are taken; returns the bytes used, or -1. */
static ssize_t take_lines(struct map_lines *ls, char *buf, size_t len)
{
	char *p = buf, *nl;

	while ((nl = memchr(p, '\n', len - (size_t)(p - buf)))) {
		*nl = 0;
		if (!take_line(ls, p))
			return -1;
		p = nl + 1;
	}
	return p - buf;
}

int maps_read(struct pool *pool, pid_t tid, const char *file, struct map_line **ret, size_t *ret_n,
	      struct err *e)
{
	struct map_lines ls = { .pool = pool };
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *buf = NULL;
	size_t have = 0, size = 64 << 10;
	char path[64];

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/%s", tid, file);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	buf = malloc(size);
	if (!buf)
		return err_sys(e, "allocate", "a buffer for %s", path);
	for (;;) {
		ssize_t used, n = read(fd, buf + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "read", "%s", path);
		if (!n)
			break;
		have += (size_t)n;
		used = take_lines(&ls, buf, have);
		if (used < 0 || (!used && have == size))
			return err_set(e, ERR_SYSTEM, EINVAL, "read", path,
				       "a line has an unknown form");
		have -= (size_t)used;
		memmove(buf, buf + used, have);
	}
	*ret = ls.v;
	*ret_n = ls.n;
	return 0;
}

int map_file_open(pid_t tid, const struct map_line *l, int flags, char *name, size_t size,
		  int *ret_fd, struct err *e)
{
	char path[96];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", tid, l->start, l->end);
	if (name) {
		n = readlink(path, name, size - 1);
		if (n < 0)
			return err_sys(e, "readlink", "%s", path);
		name[n] = 0;
	}
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s (%s)", path, l->name);
	*ret_fd = fd;
	return 0;
}
