// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Unit tests of the manifest: unfinished checkpoints, damage of every file at
 * every byte, and manifests that are sound as bytes and hostile in content.
 */
#include "image/test_fixture.h"

static void test_unfinished(void **state)
{
	struct fixture *f = *state;

	spill(f, "mine", "x", 1);
	write_sample(f, false);
	open_dir(f, -EINVAL);
	assert_int_equal(f->e.class, ERR_IMAGE);
	assert_non_null(strstr(f->e.why, "never finished"));
	assert_int_equal(image_dir_remove_unfinished(f->path, &f->e), 0);
	assert_int_equal(count_files(f), 1);
	/* A finished one stays. */
	write_sample(f, true);
	assert_int_equal(image_dir_remove_unfinished(f->path, &f->e), 0);
	open_dir(f, 0);
}

static void test_no_checkpoint(void **state)
{
	struct fixture *f = *state;

	open_dir(f, -ENOENT);
	assert_int_equal(f->e.class, ERR_IMAGE);
	assert_non_null(strstr(f->e.why, "no checkpoint"));
}

/* Whatever single bit is flipped, wherever a file is cut: named at open. */
static void test_manifest_finds_damage(void **state)
{
	static const char *const names[] = { "inventory.img", "fs-7.img", "pipes-data.img",
					     "manifest.img" };
	struct fixture *f = *state;

	write_sample(f, true);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *good = NULL;
		size_t size;

		good = slurp(f, names[i], &size);
		for (size_t at = 0; at < size; at++) {
			good[at] ^= (char)(1 << at % 8);
			spill(f, names[i], good, size);
			good[at] ^= (char)(1 << at % 8);
			open_dir(f, -EINVAL);
			assert_int_equal(f->e.class, ERR_IMAGE);
			assert_string_equal(f->e.object, names[i]);
			/* Cut in the middle; at 0 the manifest is an unfinished one. */
			spill(f, names[i], good, at);
			open_dir(f, -EINVAL);
			assert_int_equal(f->e.class, ERR_IMAGE);
			if (at)
				assert_string_equal(f->e.object, names[i]);
		}
		spill(f, names[i], good, size + 1);
		open_dir(f, -EINVAL);
		spill(f, names[i], good, size);
		open_dir(f, 0);
	}
	remove_file(f, "fs-7.img");
	open_dir(f, -ENOENT);
	assert_int_equal(f->e.class, ERR_IMAGE);
	assert_non_null(strstr(f->e.object, "fs-7.img"));
}

static void write_manifest(struct fixture *f, ManifestEntry *m)
{
	unsigned char buf[1024];
	uint32_t head[3] = { IMG_COMMON_MAGIC, image_type(IMG_MANIFEST)->magic };
	uint64_t hash;
	size_t n;

	head[2] = (uint32_t)manifest_entry__pack(m, buf + 12);
	memcpy(buf, head, 12);
	n = 12 + head[2];
	hash = hash_bytes(buf, n);
	memcpy(buf + n, &hash, 8);
	spill(f, "manifest.img", buf, n + 8);
}

/* Manifests that are sound as bytes and bad in what they say. */
static void test_hostile_manifest(void **state)
{
	static const char *const names[] = { "",    ".",	   "..", "../x", "/etc/passwd",
					     "a/b", "manifest.img" };
	struct fixture *f = *state;
	ManifestFile files[2] = { MANIFEST_FILE__INIT, MANIFEST_FILE__INIT };
	ManifestFile *list[2] = { &files[0], &files[1] };
	ManifestEntry m = MANIFEST_ENTRY__INIT;
	char *need = (char *)"time-machine";

	m.version = 1;
	m.program = (char *)"test";
	m.files = list;
	m.n_files = 1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		files[0].name = (char *)names[i];
		write_manifest(f, &m);
		open_dir(f, -EINVAL);
		assert_non_null(strstr(f->e.why, "no acceptable name"));
	}
	files[0].name = files[1].name = (char *)"fs-1.img";
	m.n_files = 2;
	write_manifest(f, &m);
	open_dir(f, -EINVAL);
	assert_non_null(strstr(f->e.why, "twice"));

	m.n_files = 1;
	files[0].size = UINT64_MAX;
	spill(f, "fs-1.img", "x", 1);
	write_manifest(f, &m);
	open_dir(f, -EINVAL);
	assert_non_null(strstr(f->e.why, "truncated at byte 1"));

	/* Not files: never followed, never waited for. */
	remove_file(f, "fs-1.img");
	assert_int_equal(symlinkat("/etc/passwd", AT_FDCWD,
				   pool_printf(f->pool, "%s/fs-1.img", f->path)),
			 0);
	open_dir(f, -ELOOP);
	remove_file(f, "fs-1.img");
	assert_int_equal(mkfifo(pool_printf(f->pool, "%s/fs-1.img", f->path), 0600), 0);
	open_dir(f, -EINVAL);
	assert_non_null(strstr(f->e.why, "regular"));

	m.n_files = 0;
	m.n_needs = 1;
	m.needs = &need;
	write_manifest(f, &m);
	open_dir(f, -EOPNOTSUPP);
	assert_int_equal(f->e.class, ERR_UNSUPPORTED);
	assert_non_null(strstr(f->e.why, "time-machine"));
	m.n_needs = 0;
	m.version = 2;
	write_manifest(f, &m);
	open_dir(f, -EOPNOTSUPP);
	assert_non_null(strstr(f->e.hint, "test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_unfinished),
		T(test_no_checkpoint),
		T(test_manifest_finds_damage),
		T(test_hostile_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
