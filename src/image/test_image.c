// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Unit tests of the image directory and the framing: round trips, and
 * hand-made broken entries of which each must be refused with name and place.
 */
#include "image/test_fixture.h"

#include <signal.h>
#include <sys/resource.h>

static void test_names(void **state)
{
	char name[IMAGE_NAME_MAX];
	enum image_id id;

	for (int i = 0; i < IMG_ID_COUNT; i++) {
		assert_non_null(image_type((enum image_id)i)->pattern);
		image_name((enum image_id)i, 1, name, sizeof(name));
		assert_true(image_name_parse(name, &id, NULL));
	}
	image_name(IMG_GHOST_FILE, 0x1af, name, sizeof(name));
	assert_string_equal(name, "ghost-file-1af.img");
	image_name(IMG_SHMEM_PAGEMAP, 4294967299, name, sizeof(name));
	assert_string_equal(name, "pagemap-shmem-4294967299.img");
	image_name(IMG_STATS, 1, name, sizeof(name));
	assert_string_equal(name, "stats-restore");
	assert_true(image_name_parse("tmpfs-dev-5.tar.gz.img", &id, NULL));
	assert_int_equal(id, IMG_TMPFS_DEV);
	assert_false(image_name_parse("core-.img", &id, NULL));
	assert_false(image_name_parse("core-1.imgx", &id, NULL));
	assert_false(image_name_parse("core-1x.img", &id, NULL));
	assert_false(image_name_parse("dump.log", &id, NULL));
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	PipeDataEntry *pd;
	struct image_in *in;
	bool foreign = true;
	FsEntry *fs;
	char buf[6] = "";

	write_sample(f, true);
	assert_int_equal(image_dir_open(&f->d, f->path, f->pool, &foreign, &f->e), 0);
	assert_false(foreign);
	assert_int_equal(image_dir_verified(f->d, &f->e), 0);
	assert_true(image_dir_needs(f->d, "x86-64"));
	assert_true(image_exists(f->d, IMG_FS, 7));
	assert_false(image_exists(f->d, IMG_FS, 8));
	assert_int_equal(image_get_one(f->d, IMG_FS, 7, &fs_entry__descriptor, &fs, &f->e), 0);
	assert_int_equal(fs->root_id, 2);

	assert_int_equal(image_open(f->d, IMG_PIPES_DATA, 0, &in, &f->e), 0);
	for (uint32_t i = 1; i <= 2; i++) {
		assert_int_equal(image_get(in, &pipe_data_entry__descriptor, &pd, &f->e), 1);
		assert_int_equal(pd->pipe_id, i);
		assert_int_equal(image_get_raw(in, buf, pd->bytes, &f->e), 0);
		assert_string_equal(buf, i == 1 ? "first" : "other");
	}
	assert_int_equal(image_left(in), 0);
	assert_int_equal(image_get(in, &pipe_data_entry__descriptor, &pd, &f->e), 0);
	image_in_close(in);

	assert_int_equal(image_open(f->d, IMG_CORE, 1, &in, &f->e), -ENOENT);
	assert_int_equal(f->e.class, ERR_IMAGE);
	assert_string_equal(f->e.object, "core-1.img");
}

static void test_layout(void **state)
{
	static const unsigned char fs_7[] = { 0x19, 0x43, 0x56, 0x54, 0x12, 0x39, 0x40, 0x51,
					      4,    0,	  0,	0,    8,    1,	  16,	2 };
	static const unsigned char inv[] = { 0x16, 0x31, 0x31, 0x58, 2, 0, 0, 0, 8, 2 };
	struct fixture *f = *state;
	_cleanup_free_ char *fs = NULL, *in = NULL;
	size_t size;

	write_sample(f, true);
	fs = slurp(f, "fs-7.img", &size);
	assert_int_equal(size, sizeof(fs_7));
	assert_memory_equal(fs, fs_7, size);
	in = slurp(f, "inventory.img", &size);
	assert_int_equal(size, sizeof(inv));
	assert_memory_equal(in, inv, size);
}

/* Images of version 1.0 start with their own magic at once. */
static void test_version_1_0(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *fs = NULL;
	bool foreign = false;
	FsEntry *entry;
	size_t size;

	write_sample(f, true);
	fs = slurp(f, "fs-7.img", &size);
	spill(f, "fs-7.img", fs + 4, size - 4);
	remove_file(f, "manifest.img");
	assert_int_equal(image_dir_open(&f->d, f->path, f->pool, &foreign, &f->e), 0);
	assert_true(foreign);
	assert_int_equal(image_get_one(f->d, IMG_FS, 7, &fs_entry__descriptor, &entry, &f->e), 0);
	assert_int_equal(entry->root_id, 2);
}

static void test_create_refuses(void **state)
{
	struct fixture *f = *state;
	char path[160];

	snprintf(path, sizeof(path), "%s/none", f->path);
	assert_int_equal(image_dir_create(&f->d, path, f->pool, &f->e), -ENOENT);
	assert_int_equal(f->e.class, ERR_USAGE);
	assert_string_equal(f->e.object, path);
	assert_non_null(strstr(f->e.hint, "create"));
	spill(f, "file", "x", 1);
	snprintf(path, sizeof(path), "%s/file", f->path);
	assert_int_equal(image_dir_create(&f->d, path, f->pool, &f->e), -ENOTDIR);

	/* Logs and statistics may stay, images may not. */
	spill(f, "dump.log", "x", 1);
	spill(f, "stats-dump", "x", 1);
	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), 0);
	image_dir_discard(f->d);
	image_dir_free(f->d);
	f->d = NULL;
	spill(f, "pages-3.img", "x", 1);
	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), -EEXIST);
	assert_non_null(strstr(f->e.why, "pages-3.img"));
	assert_non_null(strstr(f->e.hint, "empty directory"));
	remove_file(f, "pages-3.img");
	if (geteuid()) {
		chmod(f->path, 0500);
		assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), -EACCES);
		assert_int_equal(f->e.class, ERR_SYSTEM);
		chmod(f->path, 0700);
	}
}

static void test_discard(void **state)
{
	struct fixture *f = *state;
	FsEntry fs = FS_ENTRY__INIT;

	spill(f, "mine", "x", 1);
	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), 0);
	assert_int_equal(image_put_one(f->d, IMG_FS, 1, &fs.base, &f->e), 0);
	assert_int_equal(image_put_one(f->d, IMG_FS, 2, &fs.base, &f->e), 0);
	/* A name that is taken meanwhile is not ours. */
	spill(f, "fs-3.img", "x", 1);
	assert_int_equal(image_put_one(f->d, IMG_FS, 3, &fs.base, &f->e), -EEXIST);
	image_dir_discard(f->d);
	assert_int_equal(count_files(f), 2);
}

/* One entry, given as bytes behind the magics of a foreign pipes-data.img. */
static int read_entry(struct fixture *f, const void *bytes, size_t n, int *raw)
{
	static const uint32_t magics[2] = { IMG_COMMON_MAGIC, 0x56453709 };
	unsigned char buf[256];
	struct image_in *in;
	PipeDataEntry *pd;
	char extra[64];
	int r;

	memcpy(buf, magics, 8);
	memcpy(buf + 8, bytes, n);
	spill(f, "pipes-data.img", buf, 8 + n);
	err_clear(&f->e);
	assert_int_equal(image_open(f->d, IMG_PIPES_DATA, 0, &in, &f->e), 0);
	r = image_get(in, &pipe_data_entry__descriptor, &pd, &f->e);
	if (r == 1 && raw)
		*raw = pd->bytes > sizeof(extra) ? -EINVAL :
						   image_get_raw(in, extra, pd->bytes, &f->e);
	return r;
}

static void test_broken_entries(void **state)
{
	static const unsigned char good[] = { 4, 0, 0, 0, 8, 1, 16, 3, 'a', 'b', 'c' };
	static const unsigned char huge[] = { 0xff, 0xff, 0xff, 0xff, 8, 1, 16, 3 };
	static const unsigned char no_bytes[] = { 2, 0, 0, 0, 8, 1 };
	static const unsigned char endless[] = { 4, 0, 0, 0, 0x80, 0x80, 0x80, 0x80 };
	static const unsigned char overrun[] = { 4, 0, 0, 0, 8, 1, 0x1a, 100 };
	struct fixture *f = *state;
	int raw = -1;

	spill(f, "inventory.img", "x", 1);
	open_dir(f, 0);
	assert_int_equal(read_entry(f, good, sizeof(good), &raw), 1);
	assert_int_equal(raw, 0);
	for (size_t n = 1; n < 8; n++) {
		assert_int_equal(read_entry(f, good, n, NULL), -EINVAL);
		assert_int_equal(f->e.class, ERR_IMAGE);
		assert_string_equal(f->e.object, "pipes-data.img, entry at byte 8");
		assert_non_null(strstr(f->e.why, "truncated"));
	}
	for (size_t n = 8; n < sizeof(good); n++) {
		assert_int_equal(read_entry(f, good, n, &raw), 1);
		assert_int_equal(raw, -EINVAL);
		assert_non_null(strstr(f->e.why, "3 bytes of data"));
	}
	assert_int_equal(read_entry(f, huge, sizeof(huge), NULL), -EINVAL);
	assert_non_null(strstr(f->e.why, "4294967295 bytes"));
	assert_int_equal(read_entry(f, no_bytes, sizeof(no_bytes), NULL), -EINVAL);
	assert_non_null(strstr(f->e.why, "no valid pipe_data_entry"));
	assert_int_equal(read_entry(f, endless, sizeof(endless), NULL), -EINVAL);
	assert_int_equal(read_entry(f, overrun, sizeof(overrun), NULL), -EINVAL);
	assert_int_equal(read_entry(f, "", 0, NULL), 0);
}

static void test_magics(void **state)
{
	static const uint32_t wrong[] = { IMG_COMMON_MAGIC, 0x12345678, 0 };
	struct fixture *f = *state;
	struct image_in *in;

	spill(f, "inventory.img", "x", 1);
	open_dir(f, 0);
	assert_int_equal(image_open(f->d, IMG_INVENTORY, 0, &in, &f->e), -EINVAL);
	assert_non_null(strstr(f->e.why, "truncated at byte 1"));
	spill(f, "fs-1.img", wrong, sizeof(wrong));
	assert_int_equal(image_open(f->d, IMG_FS, 1, &in, &f->e), -EINVAL);
	assert_non_null(strstr(f->e.why, "at byte 4: magic 0x12345678"));
	spill(f, "fs-1.img", wrong, 6);
	assert_int_equal(image_open(f->d, IMG_FS, 1, &in, &f->e), -EINVAL);
	assert_non_null(strstr(f->e.why, "truncated at byte 6"));
	/* Service images have a first word of their own. */
	spill(f, "stats-dump", wrong, sizeof(wrong));
	assert_int_equal(image_open(f->d, IMG_STATS, 0, &in, &f->e), -EINVAL);
}

/* A cgroup directory in a cgroup directory in ... as deep as the bytes reach. */
static void test_deep_nesting(void **state)
{
	struct fixture *f = *state;
	size_t room = 1 << 20, used = 0;
	_cleanup_free_ unsigned char *buf = malloc(room);
	struct image_out *o;
	CgroupEntry *cg;

	/* Built from the inside out at the buffer's end. */
	unsigned char *p = buf + room;

	while (used < 200000) {
		size_t n = used;
		unsigned char len[10];
		int k = 0;

		do {
			len[k++] = (unsigned char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
			n >>= 7;
		} while (n);
		/* children = 2 of itself, then dir_name = 1 */
		if (used) {
			p -= k;
			memcpy(p, len, (size_t)k);
			*--p = 2 << 3 | 2;
		}
		p -= 3;
		memcpy(p,
		       "\x0a\x01"
		       "d",
		       3);
		used = (size_t)(buf + room - p);
	}
	/* As controller.dirs = 2 of cgroup.controllers = 2. */
	for (int level = 0; level < 2; level++) {
		size_t n = (size_t)(buf + room - p);
		unsigned char len[3] = { (unsigned char)(n | 0x80), (unsigned char)(n >> 7 | 0x80),
					 (unsigned char)(n >> 14) };

		p -= 3;
		memcpy(p, len, 3);
		*--p = 2 << 3 | 2;
	}
	used = (size_t)(buf + room - p);
	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), 0);
	assert_int_equal(image_create(f->d, IMG_CGROUP, 0, &o, &f->e), 0);
	assert_int_equal(image_put_raw(o, &(uint32_t){ (uint32_t)used }, 4, &f->e), 0);
	assert_int_equal(image_put_raw(o, p, used, &f->e), 0);
	assert_int_equal(image_out_close(o, &f->e), 0);
	assert_int_equal(image_dir_commit(f->d, false, &f->e), 0);
	open_dir(f, 0);
	assert_int_equal(image_get_one(f->d, IMG_CGROUP, 0, &cgroup_entry__descriptor, &cg, &f->e),
			 -EINVAL);
	assert_non_null(strstr(f->e.why, "nests deeper"));
}

static void test_large_images(void **state)
{
	struct fixture *f = *state;
	size_t n = 9 << 20;
	_cleanup_free_ unsigned char *data = malloc(n), *back = malloc(n);
	GhostFileEntry ghost = GHOST_FILE_ENTRY__INIT, *gf;
	struct image_out *o;
	struct image_in *in;
	int fd;

	for (size_t i = 0; i < n; i++)
		data[i] = (unsigned char)(i * 7 + (i >> 12));
	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), 0);
	for (unsigned long num = 1; num <= 2; num++) {
		assert_int_equal(image_create(f->d, IMG_GHOST_FILE, num, &o, &f->e), 0);
		assert_int_equal(image_put(o, &ghost.base, &f->e), 0);
		if (num == 1) {
			assert_int_equal(image_put_raw(o, data, n, &f->e), 0);
		} else {
			fd = image_out_fd(o, &f->e);
			assert_int_equal(write_all(fd, data, n), 0);
		}
		assert_int_equal(image_out_close(o, &f->e), 0);
	}
	assert_int_equal(image_dir_commit(f->d, true, &f->e), 0);
	open_dir(f, 0);
	for (unsigned long num = 1; num <= 2; num++) {
		assert_int_equal(image_open(f->d, IMG_GHOST_FILE, num, &in, &f->e), 0);
		assert_int_equal(image_get(in, &ghost_file_entry__descriptor, &gf, &f->e), 1);
		assert_int_equal(image_left(in), n);
		fd = image_in_fd(in, &f->e);
		assert_int_equal(pread_all(fd, back, n, (off_t)image_tell(in)), 0);
		assert_memory_equal(back, data, n);
		memset(back, 0, n);
		assert_int_equal(image_get_raw(in, back, n, &f->e), 0);
		assert_memory_equal(back, data, n);
	}
	assert_int_equal(image_dir_verified(f->d, &f->e), 0);

	/* The thread's verdict on a flipped bit comes with image_dir_verified(). */
	fd = openat(image_dir_fd(f->d), "ghost-file-2.img", O_RDWR);
	assert_int_equal(pread_all(fd, back, 1, (off_t)(n / 2)), 0);
	back[0] ^= 1;
	assert_int_equal(pwrite_all(fd, back, 1, (off_t)(n / 2)), 0);
	close(fd);
	open_dir(f, 0);
	assert_int_equal(image_dir_verified(f->d, &f->e), -EINVAL);
	assert_string_equal(f->e.object, "ghost-file-2.img");
}

/* A write that fails names its file and is the machine's fault, early or at close. */
static void test_failing_writes(void **state)
{
	struct rlimit old, small = { 4096, 4096 };
	struct fixture *f = *state;
	_cleanup_free_ char *data = calloc(1, 3 << 20);
	struct image_out *o;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	assert_int_equal(image_dir_create(&f->d, f->path, f->pool, &f->e), 0);
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(image_create(f->d, IMG_NFTABLES, 1, &o, &f->e), 0);
	assert_int_equal(image_put_raw(o, data, 3 << 20, &f->e), -EFBIG);
	assert_int_equal(f->e.class, ERR_SYSTEM);
	assert_non_null(strstr(f->e.object, "/nftables-1.img"));
	image_out_abort(o);
	assert_int_equal(image_create(f->d, IMG_NFTABLES, 2, &o, &f->e), 0);
	assert_int_equal(image_put_raw(o, data, 5000, &f->e), 0);
	assert_int_equal(image_out_close(o, &f->e), -EFBIG);
	assert_non_null(strstr(f->e.object, "/nftables-2.img"));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(image_dir_commit(f->d, false, &f->e) < 0);
	image_dir_discard(f->d);
	assert_int_equal(count_files(f), 0);
}

static void test_stats_in_work_dir(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = open(f->path, O_RDONLY | O_DIRECTORY);
	StatsEntry stats = STATS_ENTRY__INIT, *back;
	DumpStatsEntry dump = DUMP_STATS_ENTRY__INIT;

	stats.dump = &dump;
	spill(f, "inventory.img", "x", 1);
	for (uint32_t i = 1; i <= 2; i++) {
		dump.pages_written = i;
		assert_int_equal(image_put_at(fd, IMG_STATS, 0, &stats.base, &f->e), 0);
		open_dir(f, 0);
		assert_int_equal(image_get_one(f->d, IMG_STATS, 0, &stats_entry__descriptor, &back,
					       &f->e),
				 0);
		assert_int_equal(back->dump->pages_written, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_names),		T(test_round_trip),	T(test_layout),
		T(test_version_1_0),	T(test_create_refuses), T(test_discard),
		T(test_broken_entries), T(test_magics),		T(test_deep_nesting),
		T(test_large_images),	T(test_failing_writes), T(test_stats_in_work_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
