// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mappings, scan and copy of our own process: what is listed, which pages are
 * found, what lands in the page store. Both ways of scanning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/probe.h"
#include "mem/mem-internal.h"

#define PAGES 600

struct fixture {
	struct pool *pool;
	struct image_dir *dir;
	char path[64];
	char *mem; /* every third page written, one of those with zeros only */
	size_t page;
};

static bool used(size_t i)
{
	return i % 3 == 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e = { 0 };

	f->pool = pool_new();
	f->page = page_size();
	strcpy(f->path, "/tmp/stasis-test-XXXXXX");
	if (!mkdtemp(f->path) || image_dir_create(&f->dir, f->path, f->pool, &e))
		return -1;
	f->mem = mmap(NULL, PAGES * f->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	/* A huge page would bring its neighbours along. */
	madvise(f->mem, PAGES * f->page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < PAGES; i++)
		if (used(i))
			memset(f->mem + i * f->page, i == 30 ? 0 : 1 + (int)(i % 255), f->page);
	/* A page that was only read is a zero page. */
	(void)*(volatile char *)(f->mem + f->page);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	image_dir_free(f->dir);
	munmap(f->mem, PAGES * f->page);
	snprintf(cmd, sizeof(cmd), "rm -r %s", f->path);
	if (system(cmd))
		return -1;
	pool_free(f->pool);
	free(f);
	return 0;
}

static const struct map_line *line_of(const struct map_line *v, size_t n, const void *p)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].start <= (uint64_t)p && (uint64_t)p < v[i].end)
			return &v[i];
	return NULL;
}

static void test_flags(void **state)
{
	struct fixture *f = *state;
	const struct map_line *l;
	struct map_line *v;
	struct err e = { 0 };
	size_t n;

	madvise(f->mem, PAGES * f->page, MADV_DONTFORK);
	madvise(f->mem, PAGES * f->page, MADV_DONTDUMP);
	assert_int_equal(maps_read(f->pool, 0, "smaps", &v, &n, &e), 0);
	for (size_t i = 1; i < n; i++)
		assert_true(v[i].start >= v[i - 1].end && v[i].detailed);
	l = line_of(v, n, f->mem);
	assert_non_null(l);
	assert_int_equal(l->prot, PROT_READ | PROT_WRITE);
	assert_false(l->shared);
	assert_int_equal(l->madv & (1ull << MADV_DONTFORK | 1ull << MADV_DONTDUMP |
				    1ull << MADV_NOHUGEPAGE | 1ull << MADV_HUGEPAGE),
			 1ull << MADV_DONTFORK | 1ull << MADV_DONTDUMP | 1ull << MADV_NOHUGEPAGE);
	assert_true(l->anon >= PAGES / 3 * f->page);
	l = line_of(v, n, &e);
	assert_string_equal(l->name, "[stack]");
	assert_true(l->vm & VM_GROWSDOWN);
}

static void scan(struct fixture *f, struct mem_runs *runs)
{
	const struct map_line *l;
	struct map_line *v;
	struct err e = { 0 };
	size_t n;

	assert_int_equal(maps_read(f->pool, 0, "smaps", &v, &n, &e), 0);
	l = line_of(v, n, f->mem);
	assert_int_equal(mem_scan(getpid(), l, 1, runs, &e), 0);
}

static bool found(const struct mem_runs *r, uint64_t addr)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].start <= addr && addr < r->v[i].end && !r->v[i].guard)
			return true;
	return false;
}

static void test_scan(void **state)
{
	struct fixture *f = *state;
	struct mem_runs runs = { 0 };

	scan(f, &runs);
	for (size_t i = 0; i < PAGES; i++)
		if (i != 1) /* the other way cannot tell a zero page */
			assert_int_equal(found(&runs, (uint64_t)f->mem + i * f->page), used(i));
	for (size_t i = 1; i < runs.n; i++)
		assert_true(runs.v[i].start >= runs.v[i - 1].end);
	free(runs.v);
}

/* More regions than the kernel collects at once. */
static void test_scan_many(void **state)
{
	struct fixture *f = *state;
	size_t n = 9000;
	char *p =
		mmap(NULL, n * f->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct map_line l = { .start = (uint64_t)p, .end = (uint64_t)p + n * f->page, .name = "" };
	struct mem_runs runs = { 0 };
	struct err e = { 0 };

	l.anon = n / 2 * f->page;
	madvise(p, n * f->page, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < n; i += 2)
		p[i * f->page] = 1;
	assert_int_equal(mem_scan(getpid(), &l, 1, &runs, &e), 0);
	assert_int_equal(runs.n, n / 2);
	for (size_t i = 0; i < runs.n; i++)
		assert_int_equal(runs.v[i].start, (uint64_t)p + 2 * i * f->page);
	free(runs.v);
	munmap(p, n * f->page);
}

static void store(struct fixture *f, struct copy_run *plan, size_t n, unsigned long num,
		  uint64_t *stored)
{
	struct copier *c;
	struct image_pages *out;
	struct err e = { 0 };

	assert_int_equal(copier_new(&c, NULL, &e), 0);
	assert_int_equal(image_pages_create(f->dir, IMG_PAGEMAP, num, &out, &e), 0);
	assert_int_equal(copy_pages(c, getpid(), -1, plan, n, out, stored, &e), 0);
	assert_int_equal(image_pages_close(out, &e), 0);
	copier_free(c);
}

static void compare(struct fixture *f, unsigned long num, size_t pages)
{
	char *buf = malloc(f->page);
	struct page_runs runs;
	struct err e = { 0 };
	size_t n = 0;

	assert_int_equal(image_pages_read(f->dir, IMG_PAGEMAP, num, &runs, &e), 0);
	for (size_t i = 0; i < runs.n; i++)
		for (size_t k = 0; k < runs.v[i].pages; k++, n++) {
			assert_int_equal(pread_all(runs.fd, buf, f->page,
						   (off_t)(runs.v[i].offset + k * f->page)),
					 0);
			assert_memory_equal(buf, (char *)runs.v[i].vaddr + k * f->page, f->page);
		}
	assert_int_equal(n, pages);
	free(buf);
}

static void test_copy(void **state)
{
	struct fixture *f = *state;
	struct mem_runs runs = { 0 };
	struct copy_run *plan;
	struct image_dir *d;
	struct err e = { 0 };
	uint64_t stored;
	bool foreign;

	scan(f, &runs);
	plan = calloc(runs.n, sizeof(*plan));
	for (size_t i = 0; i < runs.n; i++)
		plan[i] = (struct copy_run){ .start = runs.v[i].start, .end = runs.v[i].end };
	store(f, plan, runs.n, 1, &stored);
	/* The page full of zeros is left out, unless something would show through. */
	assert_int_equal(stored, PAGES / 3 - 1);
	for (size_t i = 0; i < runs.n; i++)
		plan[i].keep_zero = true;
	plan[0].forced = true;
	store(f, plan, runs.n, 2, &stored);
	assert_true(stored >= PAGES / 3);
	assert_int_equal(image_dir_commit(f->dir, false, &e), 0);
	assert_int_equal(image_dir_open(&d, f->path, f->pool, &foreign, &e), 0);
	image_dir_free(f->dir);
	f->dir = d;
	compare(f, 1, PAGES / 3 - 1);
	compare(f, 2, stored);
	free(plan);
	free(runs.v);
}

/* Enough for several threads: everything arrives once and in order. */
static void test_copy_threads(void **state)
{
	struct fixture *f = *state;
	size_t len = 40u << 20;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct copy_run plan = { .start = (uint64_t)p, .end = (uint64_t)p + len };
	struct image_dir *d;
	struct err e = { 0 };
	uint64_t stored;
	bool foreign;

	for (size_t i = 0; i < len; i += f->page)
		if (i / f->page % 7)
			*(uint64_t *)(p + i + 64) = *(uint64_t *)(p + i) = i + 1;
	store(f, &plan, 1, 1, &stored);
	assert_int_equal(image_dir_commit(f->dir, false, &e), 0);
	assert_int_equal(image_dir_open(&d, f->path, f->pool, &foreign, &e), 0);
	image_dir_free(f->dir);
	f->dir = d;
	compare(f, 1, stored);
	assert_int_equal(stored, len / f->page - (len / f->page + 6) / 7);
	munmap(p, len);
}

static void test_copy_fails(void **state)
{
	struct fixture *f = *state;
	struct copy_run plan = { .start = f->page, .end = 3 * f->page };
	struct image_pages *out;
	struct copier *c;
	struct err e = { 0 };
	uint64_t stored;

	assert_int_equal(copier_new(&c, NULL, &e), 0);
	assert_int_equal(image_pages_create(f->dir, IMG_PAGEMAP, 1, &out, &e), 0);
	assert_true(copy_pages(c, getpid(), -1, &plan, 1, out, &stored, &e) < 0);
	assert_string_equal(e.op, "read");
	assert_non_null(strstr(e.object, "memory of process"));
	image_pages_abort(out);
	copier_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flags), TEST(test_scan),	   TEST(test_scan_many),
		TEST(test_copy),  TEST(test_copy_threads), TEST(test_copy_fails),
	};
	struct err e = { 0 };
	int failed = cmocka_run_group_tests_name("pages", tests, NULL, NULL);

	if (probe_disable("pagemap_scan", &e))
		return 1;
	return failed + cmocka_run_group_tests_name("pages, older kernel", tests, NULL, NULL);
}
