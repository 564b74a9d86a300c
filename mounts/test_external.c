/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What options say about mounts: names, values, lists, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/options.h"
#include "mounts/mounts-internal.h"

static void test_names(void **state)
{
	char *ext[] = { "tty[1:2]",    "mnt[/a]:first", "mnt[/ab]:x",
			"mnt[/a]:key", "mnt[/bare]",	"mnt[/a" };
	char *maps[] = { "/old:val:ue", "/empty:", "auto", "/a:other" };
	struct options o = {
		.externals = ext, .n_externals = 6, .ext_mount_maps = maps, .n_ext_mount_maps = 4
	};

	(void)state;
	assert_string_equal(mnt_opt_external(&o, "/a"), "key");
	assert_string_equal(mnt_opt_external(&o, "/ab"), "x");
	assert_string_equal(mnt_opt_external(&o, "/bare"), "");
	assert_string_equal(mnt_opt_external(&o, "/old"), "val:ue");
	assert_string_equal(mnt_opt_external(&o, "/empty"), "");
	assert_null(mnt_opt_external(&o, "/b"));
	assert_null(mnt_opt_external(&o, "auto"));
	assert_null(mnt_opt_external(&o, ""));
	assert_null(mnt_opt_external(NULL, "/a"));
}

static void test_outer(void **state)
{
	char *s[] = { "mnt[]:s" }, *both[] = { "mnt[]:sm" }, *none[] = { "mnt[]", "mnt[x]:sm" };
	struct options o = { .externals = s, .n_externals = 1 };

	(void)state;
	assert_true(mnt_opt_outer(&o, 's'));
	assert_false(mnt_opt_outer(&o, 'm'));
	o.ext_masters = true;
	assert_true(mnt_opt_outer(&o, 'm'));
	o = (struct options){ .externals = both, .n_externals = 1 };
	assert_true(mnt_opt_outer(&o, 's') && mnt_opt_outer(&o, 'm'));
	o = (struct options){ .externals = none, .n_externals = 2 };
	assert_false(mnt_opt_outer(&o, 's') || mnt_opt_outer(&o, 'm'));
}

static void test_filesystems(void **state)
{
	char *some[] = { "hugetlbfs", "ramfs,,efivarfs" }, *all[] = { "all" };
	struct options o = { .enable_fs = some, .n_enable_fs = 2 };

	(void)state;
	assert_true(mnt_opt_fs(&o, "ramfs") && mnt_opt_fs(&o, "efivarfs") &&
		    mnt_opt_fs(&o, "hugetlbfs"));
	assert_false(mnt_opt_fs(&o, "ram") || mnt_opt_fs(&o, "ramfs2") || mnt_opt_fs(&o, ""));
	o = (struct options){ .enable_fs = all, .n_enable_fs = 1 };
	assert_true(mnt_opt_fs(&o, "anything"));
}

static void test_skip(void **state)
{
	char text[] = "1 0 8:1 / / rw - ext4 /dev/a rw\n"
		      "2 1 0:2 / /a rw - tmpfs t rw\n"
		      "3 2 0:3 / /a/b rw - tmpfs t rw\n"
		      "4 1 0:4 / /ab rw - tmpfs t rw\n"
		      "5 4 0:5 / /ab/c rw - tmpfs t rw\n";
	char *skip[] = { "/a", "ab/c", "/" };
	struct options o = { .skip_mnts = skip, .n_skip_mnts = 3 };
	struct model *m = model_new(NULL);
	struct mnt_tree t = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mnt_tree_parse_mountinfo(m->pool, text, &t, &e), 0);
	assert_int_equal(mnt_opt_skip(&o, &t, &e), 0);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.v[0]->id, 1);
	assert_int_equal(t.v[1]->id, 4);
	assert_null(t.v[1]->child);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_outer),
		cmocka_unit_test(test_filesystems),
		cmocka_unit_test(test_skip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
