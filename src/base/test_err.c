// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the error object: what the user reads, classes, remedies, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/err.h"

static void test_sys(void **state)
{
	struct err e = { 0 };
	char text[2048];

	errno = ENOSPC;
	assert_int_equal(err_sys(&e, "write", "%s/%s", "/img", "core-1.img"), -ENOSPC);
	assert_int_equal(e.class, ERR_SYSTEM);
	assert_int_equal(errno, ENOSPC);
	err_in(&e, "task %d", 7);
	err_in(&e, "dump");
	err_format(&e, text, sizeof(text));
	assert_string_equal(text,
			    "cannot write /img/core-1.img: No space left on device (task 7; dump)\n"
			    "  free space on that filesystem, or use another directory");
}

static void test_remedies(void **state)
{
	struct err e = { 0 };

	errno = EPERM;
	assert_int_equal(err_sys(&e, "ptrace", "pid 1"), -EPERM);
	assert_non_null(strstr(e.hint, "CAP_SYS_PTRACE"));
	assert_non_null(strstr(e.hint, "CAP_CHECKPOINT_RESTORE"));

	/* The same errno means other things elsewhere. */
	errno = EEXIST;
	err_sys(&e, "clone3", "pid 12");
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_non_null(strstr(e.why, "taken"));
	errno = ENOSPC;
	err_sys(&e, "unshare", "user namespace");
	assert_null(strstr(e.why, "space left"));

	errno = ESRCH;
	err_sys(&e, "open", "pid 12");
	assert_int_equal(e.class, ERR_TARGET);
	assert_string_equal(e.hint, "");

	/* An errno of 0 is still a failure. */
	errno = 0;
	assert_true(err_sys(&e, "read", "x") < 0);
}

static void test_set_from_itself(void **state)
{
	struct err e = { 0 };

	err_set(&e, ERR_IMAGE, EINVAL, "read", "core-1.img", "bad %d", 1);
	assert_int_equal(err_set(&e, ERR_CONFLICT, EBUSY, "restore", e.object, "was: %s", e.why),
			 -EBUSY);
	assert_string_equal(e.object, "core-1.img");
	assert_string_equal(e.why, "was: bad 1");
	assert_string_equal(e.hint, "");
	assert_int_equal(err_hint(&e, "try %s", e.object), -EBUSY);
	assert_string_equal(e.hint, "try core-1.img");
	err_hint(&e, "%s again", e.hint);
	assert_string_equal(e.hint, "try core-1.img again");
}

static void test_long_texts(void **state)
{
	char big[5000], text[64];
	struct err e = { 0 };

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&e, ERR_GENERAL, EIO, big, big, "%s", big);
	err_hint(&e, "%s", big);
	for (int i = 0; i < 100; i++)
		err_in(&e, "%s", "context");
	assert_int_equal(strlen(e.op), sizeof(e.op) - 1);
	assert_int_equal(strlen(e.why), sizeof(e.why) - 1);
	assert_true(strlen(e.trail) < sizeof(e.trail));
	err_format(&e, text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
}

static void test_nobody_asks(void **state)
{
	errno = EIO;
	assert_int_equal(err_sys(NULL, "read", "x"), -EIO);
	assert_int_equal(err_set(NULL, ERR_IMAGE, EINVAL, "read", "x", "bad"), -EINVAL);
	err_clear(NULL);
}

static void test_list(void **state)
{
	struct err_list l = { 0 };
	struct err e = { 0 };

	for (int i = 1; i <= 100; i++) {
		err_set(&e, ERR_UNSUPPORTED, i, "checkpoint", "x", "%d", i);
		err_list_add(&l, &e);
	}
	assert_int_equal(l.n, 100);
	for (int i = 1; i <= 100; i++)
		assert_int_equal(l.v[i - 1].code, i);
	err_list_free(&l);
	err_list_free(&l);
	assert_null(l.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sys),
		cmocka_unit_test(test_remedies),
		cmocka_unit_test(test_set_from_itself),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_nobody_asks),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
