// SPDX-License-Identifier: GPL-2.0-or-later
/* Unit tests of finding hierarchies and cgroups in text: no cgroup is touched. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "cgroup/cgroup-internal.h"

static void test_hybrid(void **state)
{
	struct hierarchy h[2];

	hierarchies_parse(
		"23 1 0:21 / /proc rw - proc proc rw\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
		"37 31 0:34 / /sys/fs/cgroup/freezer rw shared:9 - cgroup cgroup rw,freezer\n"
		"40 31 0:37 / /sys/fs/cgroup/x rw - cgroup cgroup rw,name=freezer2\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 none rw\n",
		h);
	assert_ptr_equal(h[0].ops, &freezer_v1);
	assert_string_equal(h[0].mount, "/sys/fs/cgroup/freezer");
	assert_string_equal(h[0].root, "/");
	assert_ptr_equal(h[1].ops, &freezer_v2);
	assert_string_equal(h[1].mount, "/sys/fs/cgroup/unified");
}

static void test_odd_mounts(void **state)
{
	struct hierarchy h[2];

	/* Mounted together with others, elsewhere, and with a blank in the name. */
	hierarchies_parse("1 2 0:3 / /a\\040b rw - cgroup none rw,cpuset,freezer,memory", h);
	assert_string_equal(h[0].mount, "/a b");
	assert_null(h[1].ops);
	/* A part of the hierarchy serves, but the whole is better, wherever it comes. */
	hierarchies_parse("1 2 0:3 /ctr /part rw - cgroup2 none rw\n"
			  "1 2 0:3 / /whole rw - cgroup2 none rw\n"
			  "1 2 0:3 /other /part2 rw - cgroup2 none rw\n",
			  h);
	assert_string_equal(h[1].mount, "/whole");
	hierarchies_parse("1 2 0:3 /ctr /part rw - cgroup2 none rw\n", h);
	assert_string_equal(h[1].mount, "/part");
	assert_string_equal(h[1].root, "/ctr");
	/* From outside of our cgroup namespace. */
	hierarchies_parse("1 2 0:3 /../.. /part rw - cgroup2 none rw\n", h);
	assert_null(h[1].ops);
	hierarchies_parse("", h);
	assert_null(h[0].ops);
	hierarchies_parse(
		"1 2 0:3 - cgroup2\n - cgroup\n1 - cgroup none freezer\n - cgroup cgroup rw,freezer",
		h);
	assert_null(h[0].ops);
}

static int dir_of(const struct freezer_ops *ops, const char *root, const char *text, char *buf,
		  size_t size)
{
	struct hierarchy h = { .ops = ops, .mount = "/mnt" };
	struct err e = { 0 };
	int r;

	strcpy(h.root, root);
	r = hierarchy_dir_parse(&h, text, 12, buf, size, &e);
	if (r)
		assert_string_equal(e.object, "the cgroup of pid 12");
	return r;
}

static void test_dir(void **state)
{
	static const char text[] =
		"9:name=systemd:/\n6:cpu,freezer:/ctr/x:y\n5:devices:/d\n0::/sys/app\n";
	char buf[64];

	assert_int_equal(dir_of(&freezer_v1, "/", text, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/mnt/ctr/x:y");
	assert_int_equal(dir_of(&freezer_v2, "/", text, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/mnt/sys/app");
	assert_int_equal(dir_of(&freezer_v2, "/sys", text, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/mnt/app");
	assert_int_equal(dir_of(&freezer_v2, "/sys/app", text, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/mnt");
	assert_int_equal(dir_of(&freezer_v2, "/", "0::/\n", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "/mnt");
	assert_int_equal(dir_of(&freezer_v2, "/sys/ap", text, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(dir_of(&freezer_v2, "/", "0::/../other\n", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(dir_of(&freezer_v1, "/", "0::/a\n5:devices:/d\n", buf, sizeof(buf)),
			 -ENOENT);
	assert_int_equal(dir_of(&freezer_v1, "/", "6:freezer", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(dir_of(&freezer_v2, "/", text, buf, 8), -ENAMETOOLONG);
}

static void test_paths(void **state)
{
	char dir[] = "/a/b/c";

	assert_true(path_is_inside("/a/b", "/a"));
	assert_true(path_is_inside("/a", "/a"));
	assert_false(path_is_inside("/ab", "/a"));
	assert_true(path_is_inside("/ab", "/"));
	assert_true(path_up(dir));
	assert_string_equal(dir, "/a/b");
	assert_true(path_up(dir));
	assert_false(path_up(dir));
}

static void test_lists(void **state)
{
	struct pid_list l = { 0 };

	assert_false(pid_list_has(&l, 1));
	for (int i = 0; i < 1000; i++)
		pid_list_add(&l, (i * 7919) % 1009);
	pid_list_sort(&l);
	for (size_t i = 1; i < l.n; i++)
		assert_true(l.v[i - 1] < l.v[i]);
	assert_true(pid_list_has(&l, 7919 % 1009));
	assert_false(pid_list_has(&l, 1010));
	pid_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hybrid), cmocka_unit_test(test_odd_mounts),
		cmocka_unit_test(test_dir),    cmocka_unit_test(test_paths),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
