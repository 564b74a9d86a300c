// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the probe table: well formed, quick, harmless, switched off by name. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/probe.h"
#include "base/proc.h"

static void test_table(void **state)
{
	for (size_t i = 0; i < probe_count(); i++) {
		const struct probe *p = probe_get(i);

		assert_non_null(p->test);
		assert_true(p->name && *p->name && p->needed_by && *p->needed_by && p->hint &&
			    *p->hint);
		assert_null(strpbrk(p->name, " ,"));
		assert_ptr_equal(probe_find(p->name), p);
	}
	assert_null(probe_get(probe_count()));
	assert_null(probe_find("no_such_probe"));
	assert_false(probe_ok("no_such_probe"));
}

static void test_disable(void **state)
{
	struct err e = { 0 };

	assert_int_equal(probe_disable(NULL, &e), 0);
	assert_int_equal(probe_disable("", &e), 0);
	assert_int_equal(probe_disable("memfd,kcmp_epoll_tfd,", &e), 0);
	assert_false(probe_ok("memfd"));
	assert_int_equal(probe_run(probe_find("kcmp_epoll_tfd")), -ECANCELED);
	assert_int_equal(probe_require("memfd", "share memory", &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.why, "STASIS_DISABLE"));

	err_clear(&e);
	/* A part of a name is no name. */
	assert_int_equal(probe_disable("clone3,kcm", &e), -EINVAL);
	assert_int_equal(e.class, ERR_USAGE);
	assert_string_equal(e.object, "kcm");
	assert_non_null(strstr(e.hint, "stasis check"));
}

static void test_run_all(void **state)
{
	struct err e = { 0 };
	uint64_t start = now_us();
	int *before, *after;
	size_t n, m;

	assert_int_equal(proc_list(getpid(), "fd", &before, &n, &e), 0);
	for (size_t i = 0; i < probe_count(); i++) {
		int r = probe_run(probe_get(i));

		assert_true(r <= 0);
		assert_int_equal(probe_run(probe_get(i)), r);
	}
	assert_true(now_us() - start < 2000000);
	assert_int_equal(proc_list(getpid(), "fd", &after, &m, &e), 0);
	assert_int_equal(n, m);
	free(before);
	free(after);
	/* No child is left, not even as a zombie. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_disable),
		cmocka_unit_test(test_run_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
