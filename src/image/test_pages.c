// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the page store: round trip, and pagemaps that must be refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"
#include "image/image-internal.h"
#include "image/schemas.h"

#define PE_PARENT 1
#define PE_LAZY 2
#define PE_PRESENT 4

struct fixture {
	char path[64];
	struct pool *pool;
	struct image_dir *d;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->path, sizeof(f->path), "/tmp/stasis-pages-XXXXXX");
	f->pool = pool_new();
	*state = f;
	return !mkdtemp(f->path) || image_dir_create(&f->d, f->path, f->pool, &f->e);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	DIR *dir = opendir(f->path);
	struct dirent *ent;

	image_dir_free(f->d);
	while ((ent = readdir(dir)))
		unlinkat(dirfd(dir), ent->d_name, 0);
	closedir(dir);
	rmdir(f->path);
	pool_free(f->pool);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	InventoryEntry inv = INVENTORY_ENTRY__INIT;

	assert_int_equal(image_put_one(f->d, IMG_INVENTORY, 0, &inv.base, &f->e), 0);
	assert_int_equal(image_dir_commit(f->d, false, &f->e), 0);
	image_dir_free(f->d);
	assert_int_equal(image_dir_open(&f->d, f->path, f->pool, NULL, &f->e), 0);
}

static void write_pages(struct image_pages *p, uint64_t vaddr, uint64_t n, unsigned char fill)
{
	_cleanup_free_ unsigned char *data = malloc(n * page_size());
	uint64_t at = image_pages_tell(p);
	struct err e = { 0 };

	memset(data, fill, n * page_size());
	assert_int_equal(image_pages_run(p, vaddr, n, &e), 0);
	assert_int_equal(image_pages_tell(p), at + n * page_size());
	assert_int_equal(pwrite_all(image_pages_fd(p), data, n * page_size(), (off_t)at), 0);
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	struct page_runs runs;
	struct image_pages *p;
	unsigned char byte;

	for (unsigned long pid = 1; pid <= 3; pid++) {
		assert_int_equal(image_pages_create(f->d, IMG_PAGEMAP, pid, &p, &f->e), 0);
		write_pages(p, 0x10000, 1, (unsigned char)pid);
		write_pages(p, 0x7fff00000000, 3, (unsigned char)(pid + 10));
		assert_int_equal(image_pages_close(p, &f->e), 0);
	}
	reopen(f);
	for (unsigned long pid = 1; pid <= 3; pid++) {
		assert_int_equal(image_pages_read(f->d, IMG_PAGEMAP, pid, &runs, &f->e), 0);
		assert_int_equal(runs.n, 2);
		assert_int_equal(runs.v[0].vaddr, 0x10000);
		assert_int_equal(runs.v[1].pages, 3);
		assert_int_equal(runs.v[1].offset, page_size());
		assert_false(runs.v[1].in_parent);
		assert_int_equal(pread_all(runs.fd, &byte, 1, (off_t)(runs.v[1].offset + 1)), 0);
		assert_int_equal(byte, pid + 10);
	}
}

static void test_empty(void **state)
{
	struct fixture *f = *state;
	struct page_runs runs;
	struct image_pages *p;

	assert_int_equal(image_pages_create(f->d, IMG_SHMEM_PAGEMAP, 1, &p, &f->e), 0);
	assert_int_equal(image_pages_close(p, &f->e), 0);
	reopen(f);
	assert_int_equal(image_pages_read(f->d, IMG_SHMEM_PAGEMAP, 1, &runs, &f->e), 0);
	assert_int_equal(runs.n, 0);
}

/* More than is hashed on the spot: by the hasher's thread, or of the bytes in passing. */
static void much(struct fixture *f, bool pass)
{
	size_t n = 256, len = n * page_size();
	unsigned char *buf = malloc(len);
	struct page_runs runs;
	struct image_pages *p;

	assert_int_equal(image_pages_create(f->d, IMG_PAGEMAP, 1, &p, &f->e), 0);
	for (uint64_t i = 0; i < 40; i++) {
		write_pages(p, i * len, n, (unsigned char)i);
		memset(buf, (int)i, len);
		if (pass)
			image_pages_data(p, buf, len);
	}
	free(buf);
	assert_int_equal(image_pages_close(p, &f->e), 0);
	reopen(f);
	assert_int_equal(image_dir_verified(f->d, &f->e), 0);
	assert_int_equal(image_pages_read(f->d, IMG_PAGEMAP, 1, &runs, &f->e), 0);
	assert_int_equal(runs.n, 40);
}

static void test_hashed_by_thread(void **state)
{
	much(*state, false);
}

static void test_hashed_in_passing(void **state)
{
	much(*state, true);
}

static void test_bytes_missing_while_writing(void **state)
{
	struct fixture *f = *state;
	struct image_pages *p;

	assert_int_equal(image_pages_create(f->d, IMG_PAGEMAP, 1, &p, &f->e), 0);
	write_pages(p, 0x10000, 2, 1);
	assert_int_equal(image_pages_run(p, 0x20000, 1, &f->e), 0);
	assert_int_equal(image_pages_close(p, &f->e), -EIO);
	assert_string_equal(f->e.object, "pages-1.img");
	assert_true(image_dir_commit(f->d, false, &f->e) < 0);
}

struct map_entry {
	uint64_t vaddr, pages;
	uint32_t flags;
};

/* A pagemap as given beside @file_pages pages, read back. */
static int read_map(struct fixture *f, const struct map_entry *v, size_t n, uint64_t file_pages,
		    struct page_runs *runs)
{
	PagemapHead head = PAGEMAP_HEAD__INIT;
	_cleanup_free_ char *bytes = calloc(file_pages + 1, page_size());
	struct image_out *o;

	head.pages_id = 5;
	assert_int_equal(image_create(f->d, IMG_PAGEMAP, 1, &o, &f->e), 0);
	assert_int_equal(image_put(o, &head.base, &f->e), 0);
	for (size_t i = 0; i < n; i++) {
		PagemapEntry pe = PAGEMAP_ENTRY__INIT;

		pe.vaddr = v[i].vaddr;
		pe.has_nr_pages = pe.has_flags = true;
		pe.nr_pages = v[i].pages;
		pe.flags = v[i].flags;
		assert_int_equal(image_put(o, &pe.base, &f->e), 0);
	}
	assert_int_equal(image_out_close(o, &f->e), 0);
	assert_int_equal(image_create(f->d, IMG_PAGES, 5, &o, &f->e), 0);
	assert_int_equal(image_put_raw(o, bytes, file_pages * page_size(), &f->e), 0);
	assert_int_equal(image_out_close(o, &f->e), 0);
	reopen(f);
	err_clear(&f->e);
	return image_pages_read(f->d, IMG_PAGEMAP, 1, runs, &f->e);
}

static void test_refused(void **state)
{
	static const struct {
		struct map_entry v[3];
		int code;
		const char *why;
	} bad[] = {
		{ { { 0x1001, 1, PE_PRESENT } }, -EINVAL, "not that of a page" },
		{ { { 0x1000, 0, PE_PRESENT } }, -EINVAL, "0 pages" },
		{ { { 0x1000, UINT64_MAX, PE_PRESENT } }, -EINVAL, "pages at 0x1000" },
		{ { { UINT64_MAX - 0xfff, 1, PE_PRESENT } }, -EINVAL, "1 pages at" },
		{ { { 0x1000, UINT64_MAX >> 12, PE_PRESENT } }, -EINVAL, "pages at 0x1000" },
		{ { { 0x1000, 1, 64 } }, -EINVAL, "unknown flags" },
		{ { { 0x1000, 5, PE_PRESENT } }, -EINVAL, "of a pages file of 16384 bytes" },
		{ { { 0x1000, 2, PE_PRESENT }, { 0x9000, 3, PE_PRESENT } },
		  -EINVAL,
		  "of a pages file" },
		{ { { 0x1000, 2, PE_PRESENT }, { 0x2000, 1, PE_PRESENT } }, -EINVAL, "overlap" },
		{ { { 0x5000, 1, PE_PRESENT },
		    { 0x1000, 1, PE_PRESENT },
		    { 0x5000, 1, PE_PRESENT } },
		  -EINVAL,
		  "overlap" },
		{ { { 0x1000, 1, PE_PARENT } }, -EOPNOTSUPP, "parent" },
		{ { { 0x1000, 1, PE_LAZY } }, -EOPNOTSUPP, "not in the images" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct page_runs runs;
		struct fixture *f;
		size_t n = 1;

		while (n < 3 && bad[i].v[n].pages)
			n++;
		if (i) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		f = *state;
		assert_int_equal(read_map(f, bad[i].v, n, 4, &runs), bad[i].code);
		assert_int_equal(f->e.class, bad[i].code == -EINVAL ? ERR_IMAGE : ERR_UNSUPPORTED);
		if (!strstr(f->e.why, bad[i].why))
			fail_msg("case %zu: '%s' lacks '%s'", i, f->e.why, bad[i].why);
		if (bad[i].code == -EINVAL)
			assert_non_null(strstr(f->e.object, "pagemap-1.img, entry at byte"));
	}
}

static void test_out_of_order(void **state)
{
	static const struct map_entry v[] = { { 0x9000, 1, PE_PRESENT },
					      { 0x1000, 2, PE_PRESENT | PE_LAZY } };
	struct fixture *f = *state;
	struct page_runs runs;

	assert_int_equal(read_map(f, v, 2, 3, &runs), 0);
	assert_int_equal(runs.v[0].vaddr, 0x1000);
	assert_int_equal(runs.v[0].offset, page_size());
	assert_int_equal(runs.v[1].offset, 0);
}

static void test_no_pages_file(void **state)
{
	struct fixture *f = *state;
	PagemapHead head = PAGEMAP_HEAD__INIT;
	struct page_runs runs;

	head.pages_id = 77;
	assert_int_equal(image_put_one(f->d, IMG_PAGEMAP, 1, &head.base, &f->e), 0);
	reopen(f);
	assert_int_equal(image_pages_read(f->d, IMG_PAGEMAP, 1, &runs, &f->e), -ENOENT);
	assert_string_equal(f->e.object, "pages-77.img");
	assert_int_equal(f->e.class, ERR_IMAGE);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_empty),
		T(test_hashed_by_thread),
		T(test_round_trip),
		T(test_empty),
		T(test_hashed_in_passing),
		T(test_bytes_missing_while_writing),
		T(test_refused),
		T(test_out_of_order),
		T(test_no_pages_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
