/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the unit tests of src/image share: a scratch directory with an
 * image_dir in it, files read and written whole, and a small checkpoint.
 */
#ifndef STASIS_TEST_FIXTURE_H
#define STASIS_TEST_FIXTURE_H

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
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/pool.h"
#include "image/image-internal.h"
#include "image/schemas.h"

struct fixture {
	char path[64];
	struct pool *pool;
	struct image_dir *d;
	struct err e;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	snprintf(f->path, sizeof(f->path), "%s/stasis-image-XXXXXX",
		 tmp && strlen(tmp) < 30 ? tmp : "/tmp");
	f->pool = pool_new();
	*state = f;
	return !mkdtemp(f->path);
}

static inline int teardown(void **state)
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

static inline void *slurp(struct fixture *f, const char *name, size_t *size)
{
	char path[160];
	char *text = NULL;

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	*size = (size_t)read_text_alloc(AT_FDCWD, path, &text);
	return text;
}

static inline void spill(struct fixture *f, const char *name, const void *data, size_t size)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write_all(fd, data, size), 0);
	close(fd);
}

static inline void remove_file(struct fixture *f, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	assert_int_equal(unlink(path), 0);
}

static inline void open_dir(struct fixture *f, int expected)
{
	image_dir_free(f->d);
	f->d = NULL;
	err_clear(&f->e);
	assert_int_equal(image_dir_open(&f->d, f->path, f->pool, NULL, &f->e), expected);
}

/* Two entries with extra bytes in pipes-data.img, an inventory, one core. */
static inline void write_sample(struct fixture *f, bool commit)
{
	InventoryEntry inv = INVENTORY_ENTRY__INIT;
	PipeDataEntry pd = PIPE_DATA_ENTRY__INIT;
	FsEntry fs = FS_ENTRY__INIT;
	struct image_out *o;

	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), 0);
	inv.img_version = 2;
	assert_int_equal(image_put_one(f->d, IMG_INVENTORY, 0, &inv.base, &f->e), 0);
	assert_int_equal(image_create(f->d, IMG_PIPES_DATA, 0, &o, &f->e), 0);
	for (uint32_t i = 1; i <= 2; i++) {
		pd.pipe_id = i;
		pd.bytes = 5;
		assert_int_equal(image_put(o, &pd.base, &f->e), 0);
		assert_int_equal(image_put_raw(o, i == 1 ? "first" : "other", 5, &f->e), 0);
	}
	assert_int_equal(image_out_close(o, &f->e), 0);
	fs.cwd_id = 1;
	fs.root_id = 2;
	assert_int_equal(image_put_one(f->d, IMG_FS, 7, &fs.base, &f->e), 0);
	image_dir_need(f->d, "x86-64");
	image_dir_need(f->d, "x86-64");
	if (commit)
		assert_int_equal(image_dir_commit(f->d, false, &f->e), 0);
	image_dir_free(f->d);
	f->d = NULL;
}

static inline size_t count_files(struct fixture *f)
{
	DIR *dir = opendir(f->path);
	struct dirent *ent;
	size_t n = 0;

	while ((ent = readdir(dir)))
		n += ent->d_name[0] != '.';
	closedir(dir);
	return n;
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
