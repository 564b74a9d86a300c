// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which pages of a task are its own: private pages in memory or in swap,
 * without zero pages and without clean pages of files; and the ranges, of shared
 * memory too, that MADV_GUARD_INSTALL closed.
 *
 * PAGEMAP_SCAN (6.7) answers for whole stretches of the address space at once
 * and steps over what has no page tables, so reservations of terabytes cost
 * nothing. Without it /proc/PID/pagemap is read for mappings that smaps says
 * hold private pages; zero pages then look like others and are dropped later,
 * by their content.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/probe.h"
#include "base/watchdog.h"
#include "mem/mem-internal.h"

#define REGIONS 4096
/* Mappings without private pages are scanned over up to this size: cheaper than another call. */
#define SCAN_OVER (64ull << 20)

/* /proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst */
#define PM_EXCLUSIVE (1ull << 56)
#define PM_GUARD (1ull << 58)
#define PM_FILE (1ull << 61)
#define PM_SWAP (1ull << 62)
#define PM_PRESENT (1ull << 63)

void mem_runs_add(struct mem_runs *r, uint64_t start, uint64_t end, bool guard)
{
	struct mem_run *last = r->n ? &r->v[r->n - 1] : NULL;

	if (last && last->end == start && last->guard == guard) {
		last->end = end;
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->v = realloc(r->v, r->cap * sizeof(*r->v));
		if (!r->v)
			abort();
	}
	r->v[r->n++] = (struct mem_run){ start, end, guard };
}

/* A task has nothing of its own in shared memory, but ranges may be closed to it alone. */
static bool relevant(const struct map_line *l)
{
	return (!l->shared || l->vm & VM_MAYBE_GUARD) && !(l->vm & VM_IO) &&
	       strcmp(l->name, "[vdso]") && strcmp(l->name, "[vsyscall]");
}

static void add_run(struct mem_runs *ret, const struct map_line *l, uint64_t start, uint64_t end,
		    bool guard)
{
	if (guard || !l->shared)
		mem_runs_add(ret, start, end, guard);
}

/* Keep of [start, end) what lies in relevant mappings; *at moves along with the scan. */
static void keep(const struct map_line *lines, size_t n, size_t *at, const struct page_region *pr,
		 struct mem_runs *ret)
{
	while (*at < n && lines[*at].end <= pr->start)
		++*at;
	for (size_t i = *at; i < n && lines[i].start < pr->end; i++) {
		const struct map_line *l = &lines[i];
		uint64_t s = l->start > pr->start ? l->start : pr->start;
		uint64_t t = l->end < pr->end ? l->end : pr->end;

		if (relevant(l))
			add_run(ret, l, s, t, pr->categories & PAGE_IS_GUARD);
	}
}

struct scan {
	pid_t tid;
	int fd;
	const struct map_line *lines;
	size_t n, at;
	struct page_region *vec;
	bool no_guard; /* the kernel knows no such category */
	struct mem_runs *ret;
};

static int scan_window(struct scan *s, uint64_t start, uint64_t end, struct err *e)
{
	while (start < end) {
		struct pm_scan_arg a = {
			.size = sizeof(a),
			.start = start,
			.end = end,
			.vec = (uint64_t)s->vec,
			.vec_len = REGIONS,
			.category_inverted = PAGE_IS_FILE | PAGE_IS_PFNZERO,
			.category_mask = PAGE_IS_FILE | PAGE_IS_PFNZERO,
			.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
			.return_mask = s->no_guard ? 0 : PAGE_IS_GUARD,
		};
		int n = ioctl(s->fd, PAGEMAP_SCAN, &a);

		if (n < 0 && errno == EINVAL && !s->no_guard) {
			s->no_guard = true;
			continue;
		}
		if (n < 0 && (errno == ENOTTY || errno == EINVAL))
			return -ENOTTY;
		if (n < 0)
			return err_sys(e, "PAGEMAP_SCAN", "/proc/%d/pagemap, %lx-%lx", s->tid,
				       start, end);
		for (int i = 0; i < n; i++)
			keep(s->lines, s->n, &s->at, &s->vec[i], s->ret);
		/*
		 * Room left: that was all. walk_end does not tell it: after
		 * more than 512 regions the kernel (6.18) leaves it at an
		 * earlier place.
		 */
		if (n < REGIONS)
			break;
		start = a.walk_end > s->vec[n - 1].end ? a.walk_end : s->vec[n - 1].end;
		n = cancel_check(e);
		if (n)
			return n;
	}
	return 0;
}

/* -ENOTTY, without an error: this kernel has no PAGEMAP_SCAN. */
static int scan_ioctl(struct scan *s, struct err *e)
{
	uint64_t start = 0, end = 0;
	int r;

	for (size_t i = 0; i < s->n; i++) {
		const struct map_line *l = &s->lines[i];
		bool want = relevant(l);

		if (end && !want && l->end - l->start > SCAN_OVER) {
			r = scan_window(s, start, end, e);
			if (r)
				return r;
			end = 0;
		}
		if (!want)
			continue;
		if (!end)
			start = l->start;
		end = l->end;
	}
	return end ? scan_window(s, start, end, e) : 0;
}

static int read_one(struct scan *s, const struct map_line *l, uint64_t *buf, size_t cap,
		    struct err *e)
{
	uint64_t page = page_size(), known = 0;

	/* What is mapped here alone is no zero page: with all of those found, the rest is empty. */
	for (uint64_t a = l->start; a < l->end && (known < l->anon || l->vm & VM_MAYBE_GUARD);) {
		uint64_t left = (l->end - a) / page;
		size_t n = left < cap ? (size_t)left : cap;
		int r = pread_all(s->fd, buf, n * sizeof(*buf), (off_t)(a / page * sizeof(*buf)));

		if (r) {
			errno = -r;
			return err_sys(e, "read", "/proc/%d/pagemap", s->tid);
		}
		for (size_t i = 0; i < n; i++, a += page) {
			if (buf[i] & PM_FILE || !(buf[i] & (PM_SWAP | PM_PRESENT)))
				continue;
			add_run(s->ret, l, a, a + page, buf[i] & PM_GUARD);
			if (buf[i] & (PM_EXCLUSIVE | PM_SWAP))
				known += page;
		}
		r = cancel_check(e);
		if (r)
			return r;
	}
	return 0;
}

static int scan_pagemap(struct scan *s, struct err *e)
{
	size_t cap = REGIONS * sizeof(*s->vec) / sizeof(uint64_t);
	int r;

	for (size_t i = 0; i < s->n; i++) {
		const struct map_line *l = &s->lines[i];

		if (!relevant(l) || (!l->anon && !(l->vm & VM_MAYBE_GUARD)))
			continue;
		r = read_one(s, l, (uint64_t *)s->vec, cap, e);
		if (r)
			return r;
	}
	return 0;
}

int mem_scan(pid_t tid, const struct map_line *lines, size_t n, struct mem_runs *ret, struct err *e)
{
	struct scan s = { .tid = tid, .lines = lines, .n = n, .ret = ret };
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ void *vec = NULL;
	char path[64];
	int r = -ENOTTY;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open", "%s", path);
	vec = malloc(REGIONS * sizeof(*s.vec));
	if (!vec)
		return err_sys(e, "allocate", "a buffer for %s", path);
	s.fd = fd;
	s.vec = vec;
	if (probe_ok("pagemap_scan"))
		r = scan_ioctl(&s, e);
	if (r == -ENOTTY)
		r = scan_pagemap(&s, e);
	return r;
}
