/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading mountinfo, the structure of trees, path lookups, what images may hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mounts/mounts-internal.h"

static struct pool *pool;

static int setup(void **state)
{
	pool = pool_new();
	return 0;
}

static int teardown(void **state)
{
	pool_free(pool);
	return 0;
}

static int parse(const char *text, struct mnt_tree *t, struct err *e)
{
	int r = mnt_tree_parse_mountinfo(pool, pool_strdup(pool, text), t, e);

	for (size_t i = 0; !r && i < t->n; i++)
		t->v[i]->stands = true;
	return r;
}

#define HOST                                                                                           \
	"20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"                             \
	"21 20 0:21 / /proc rw,nosuid,nodev,noexec,noatime - proc proc rw\n"                           \
	"22 20 0:22 /a\\040b /mnt/x\\134y ro master:7 unbindable - tmpfs my\\011tmp ro,size=4k,sync\n" \
	"23 21 0:23 / /proc rw - proc  rw\n"                                                           \
	"24 22 0:24 / /mnt/x\\134y/deep/er rw shared:9 master:8 - fuse.sshfs host: rw,user_id=0\n"

static void test_fields(void **state)
{
	struct mnt_tree t;
	struct err e = { 0 };
	struct mnt *m;

	assert_int_equal(parse(HOST, &t, &e), 0);
	assert_int_equal(t.n, 5);
	m = mnt_tree_by_id(&t, 22);
	assert_string_equal(m->root, "/a b");
	assert_string_equal(m->point, "/mnt/x\\y");
	assert_string_equal(m->source, "my\ttmp");
	assert_string_equal(m->options, "size=4k");
	assert_int_equal(m->flags, MS_RDONLY | MS_STRICTATIME);
	assert_int_equal(m->sb_flags, MS_RDONLY | MS_SYNCHRONOUS);
	assert_int_equal(m->master, 7);
	assert_true(m->unbindable);
	assert_true(m->kind->content);
	m = mnt_tree_by_id(&t, 21);
	assert_int_equal(m->flags, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME);
	assert_int_equal(mnt_tree_by_id(&t, 20)->shared, 1);
	m = mnt_tree_by_id(&t, 23); /* an empty source */
	assert_string_equal(m->source, "");
	assert_string_equal(m->fsname, "proc");
	m = mnt_tree_by_id(&t, 24);
	assert_int_equal(m->shared, 9);
	assert_int_equal(m->master, 8);
	assert_false(m->kind->fresh);
}

static void test_structure(void **state)
{
	struct mnt_tree t;
	struct err e = { 0 };
	const char *rest;

	assert_int_equal(parse(HOST, &t, &e), 0);
	assert_ptr_equal(t.root, mnt_tree_by_id(&t, 20));
	assert_string_equal(mnt_tree_by_id(&t, 23)->rel, "");
	assert_string_equal(mnt_tree_by_id(&t, 24)->rel, "deep/er");
	/* What lies on top is what a lookup meets. */
	assert_ptr_equal(mnt_tree_lookup(&t, "/proc/1/fd", &rest), mnt_tree_by_id(&t, 23));
	assert_string_equal(rest, "1/fd");
	assert_ptr_equal(mnt_tree_lookup(&t, "/mnt/x\\y/deep/er", &rest), mnt_tree_by_id(&t, 24));
	assert_string_equal(rest, "");
	assert_ptr_equal(mnt_tree_lookup(&t, "/mnt/x\\y/deep/erik", &rest), mnt_tree_by_id(&t, 22));
	assert_string_equal(rest, "deep/erik");
	assert_ptr_equal(mnt_tree_lookup(&t, "/", &rest), t.root);
	assert_false(mnt_is_visible(&t, mnt_tree_by_id(&t, 21)));
	assert_true(mnt_is_visible(&t, mnt_tree_by_id(&t, 23)));
	mnt_tree_by_id(&t, 23)->stands = false;
	assert_true(mnt_is_visible(&t, mnt_tree_by_id(&t, 21)));
	assert_true(mnt_is_outer_slave(&t, mnt_tree_by_id(&t, 22)));
}

static void test_no_tree(void **state)
{
	static const char *const bad[] = {
		"20 1 254:0 / / rw - ext4 /dev/vda\n",			   /* cut off */
		"20 1 254:0 / / rw ext4 /dev/vda rw\n",			   /* no separator */
		"20 1 254 / / rw - ext4 /dev/vda rw\n",			   /* no device */
		"20 1 8:0 / / rw - x y rw\n21 2 8:0 / /a rw - x y rw\n",   /* two roots */
		"20 21 8:0 / / rw - x y rw\n21 20 8:0 / /a rw - x y rw\n", /* a circle */
		"20 1 8:0 / /a rw - x y rw\n21 20 8:0 / /b rw - x y rw\n", /* outside its parent */
		"",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mnt_tree t;
		struct err e = { 0 };

		assert_true(parse(bad[i], &t, &e) < 0);
		assert_int_not_equal(e.code, 0);
	}
}

/* A circle beside a proper root. */
static void test_circle_beside(void **state)
{
	struct mnt_tree t;
	struct err e = { 0 };

	assert_true(parse("20 1 8:0 / / rw - x y rw\n"
			  "21 22 8:0 / /a rw - x y rw\n"
			  "22 21 8:0 / /a rw - x y rw\n",
			  &t, &e) < 0);
	assert_non_null(strstr(e.why, "circle"));
}

static void test_paths(void **state)
{
	static const char *const good[] = { "/", "/a", "/a/b", "/.a", "/a/..b", "/a/b..", "/..." };
	static const char *const bad[] = { "",	  "a",	  "//",	   "/a/",   "/a//b", "/.",
					   "/..", "/a/.", "/a/..", "/../a", "/./a",  "./a" };
	char longest[8192];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(mnt_path_is_plain(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mnt_path_is_plain(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = 0;
	assert_false(mnt_path_is_plain(longest));
	assert_string_equal(mnt_path_below("/a/b", "/a"), "b");
	assert_string_equal(mnt_path_below("/a", "/"), "a");
	assert_string_equal(mnt_path_below("/a", "/a"), "");
	assert_null(mnt_path_below("/ab", "/a"));
	assert_null(mnt_path_below("/a", "/a/b"));
}

static void test_kinds(void **state)
{
	assert_ptr_equal(mount_kind_get("tmpfs"), mount_kind_by_code(FSTYPE__TMPFS));
	assert_false(mount_kind_get("ext4")->fresh);
	assert_null(mount_kind_by_code(FSTYPE__UNSUPPORTED));
	assert_int_equal(mount_kind_get("cgroup2")->code, 23);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_fields),  T(test_structure),
					    T(test_no_tree), T(test_circle_beside),
					    T(test_paths),   T(test_kinds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
