// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the journal: records, order of undoing, owners, and files that are not what they should be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"

static char dir[] = "/tmp/stasis-journal-XXXXXX";

static int setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return rmdir(dir);
}

static char trace[256];

static int note(const char *name, struct journal_entry *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(trace + strlen(trace), sizeof(trace) - strlen(trace), "%s%.*s ", name,
			 (int)v[i]->len, (char *)v[i]->data);
	return 0;
}

static int undo_a(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return note("a", v, n);
}

static int undo_b(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	return note("b", v, n);
}

static int undo_fail(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	note("f", v, n);
	return err_set(e, ERR_GENERAL, EIO, "undo", "it", "it is a test");
}

static const struct undo_kind kind_a = { .id = UNDO_THAW, .name = "a", .undo = undo_a };
static const struct undo_kind kind_b = { .id = UNDO_RMDIR,
					 .name = "b",
					 .undo = undo_b,
					 .lasting = true };
static const struct undo_kind kind_fail = { .id = UNDO_CURE, .name = "f", .undo = undo_fail };
static const struct undo_kind kind_block = { .id = UNDO_CURE,
					     .name = "f",
					     .undo = undo_fail,
					     .blocks = true };
static const struct undo_kind *const kinds[] = { &kind_a, &kind_b, &kind_fail, NULL };
static const struct undo_kind *const kinds_block[] = { &kind_a, &kind_b, &kind_block, NULL };

static struct journal *make(void)
{
	struct journal *j = NULL;
	struct err e = { 0 };

	assert_int_equal(journal_create(&j, dir, "dump", 12, &e), 0);
	return j;
}

static struct journal_entry *add(struct journal *j, uint32_t kind, const char *data)
{
	struct journal_entry *je = NULL;
	struct err e = { 0 };

	assert_int_equal(journal_add(j, kind, data, strlen(data), &je, &e), 0);
	return je;
}

static void test_order(void **state)
{
	struct journal *j = make();
	struct err e = { 0 };

	add(j, UNDO_RMDIR, "1");
	add(j, UNDO_THAW, "2");
	journal_done(add(j, UNDO_THAW, "3"));
	add(j, UNDO_THAW, "4");
	add(j, UNDO_RMDIR, "5");
	trace[0] = 0;
	assert_int_equal(journal_undo(j, kinds, &e), 0);
	assert_string_equal(trace, "b5 a4 a2 b1 ");
	trace[0] = 0;
	assert_int_equal(journal_undo(j, kinds, &e), 0);
	assert_string_equal(trace, "");
	journal_close(j);
}

static void test_failing(void **state)
{
	struct journal *j = make();
	struct err e = { 0 };
	char path[256];

	add(j, UNDO_THAW, "1");
	add(j, UNDO_CURE, "2");
	trace[0] = 0;
	assert_int_equal(journal_undo(j, kinds_block, &e), -EIO);
	assert_string_equal(trace, "f2 ");
	trace[0] = 0;
	assert_int_equal(journal_undo(j, kinds, &e), -EIO);
	assert_string_equal(trace, "f2 a1 ");
	assert_non_null(strstr(e.trail, "undo \"f\""));
	snprintf(path, sizeof(path), "%s", journal_path(j));
	journal_close(j);
	assert_int_equal(access(path, F_OK), 0); /* kept for recover */
	unlink(path);
}

static void test_growth(void **state)
{
	struct journal *j = make();
	struct err e = { 0 };
	struct journal_entry *first = add(j, UNDO_THAW, "first"), **v;
	char data[301];

	memset(data, 'x', sizeof(data));
	assert_int_equal(journal_reserve(j, 1000 * sizeof(data), &e), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(journal_add(j, UNDO_CURE, data, (size_t)(i % 301), NULL, &e), 0);
	assert_memory_equal(first->data, "first", 5);
	assert_int_equal(journal_entries(j, UNDO_CURE, &v), 5000);
	assert_int_equal(v[4999]->len, 4999 % 301);
	free(v);
	assert_int_equal(journal_add(j, UNDO_CURE, data, 65u << 20, NULL, &e), -EFBIG);
	assert_int_equal(journal_reserve(j, 100u << 20, &e), -EFBIG);
	journal_forget(j);
	journal_close(j);
}

/* Another process's: alive while it lives, ours to undo when it was killed. */
static void test_owner(void **state)
{
	struct journal *j = make(), *other = NULL;
	_cleanup_free_ char *path = strdup(journal_path(j));
	struct err e = { 0 };
	char text[128];
	int fds[2];
	pid_t pid;

	assert_int_equal(journal_load(&other, path, &e), 0);
	assert_true(journal_owner_alive(other));
	journal_close(other);
	assert_int_equal(access(path, F_OK), 0);

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		add(j, UNDO_RMDIR, "x");
		assert_int_equal(write(fds[1], "", 1), 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], text, 1), 1);
	journal_close(j); /* has an open record: stays */
	assert_int_equal(journal_load(&other, path, &e), 0);
	assert_true(journal_owner_alive(other));
	journal_close(other);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(journal_load(&other, path, &e), 0);
	assert_false(journal_owner_alive(other));
	assert_false(journal_is_foreign(other));
	journal_describe(other, text, sizeof(text));
	assert_non_null(strstr(text, "dump of pid 12 by pid "));
	trace[0] = 0;
	assert_int_equal(journal_undo(other, kinds, &e), 0);
	assert_string_equal(trace, "bx ");
	journal_close(other);
	assert_int_equal(access(path, F_OK), -1);
	close(fds[0]);
	close(fds[1]);
}

static void patch(const char *path, off_t at, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, n, at), n);
	close(fd);
}

static void refuse(const char *path, const char *why)
{
	struct journal *j = NULL;
	struct err e = { 0 };

	assert_int_equal(journal_load(&j, path, &e), -ENODATA);
	assert_non_null(strstr(e.why, why));
	assert_string_equal(e.object, path);
	assert_null(j);
}

/* Offsets of the stored format; changing them is changing the format. */
#define AT_VERSION 8
#define AT_HEADER_SIZE 12
#define AT_USED 16
#define AT_BOOT 24
#define HEADER 112

static char *left_behind(void)
{
	struct journal *j = make();
	char *path = strdup(journal_path(j));

	add(j, UNDO_RMDIR, "one");
	add(j, UNDO_THAW, "two");
	journal_close(j);
	return path;
}

static void test_hostile(void **state)
{
	static const uint32_t bad_len[] = { 0xffffffff, 0x7ffffff8, 5000 };
	_cleanup_free_ char *path = left_behind();
	uint32_t u32;
	uint64_t u64;

	for (size_t i = 0; i < ARRAY_SIZE(bad_len); i++) {
		patch(path, HEADER + 4, &bad_len[i], 4);
		refuse(path, "beyond the end");
	}
	u32 = 3;
	patch(path, HEADER + 4, &u32, 4);
	u32 = UNDO_KINDS;
	patch(path, HEADER, &u32, 4);
	refuse(path, "does not know");
	u32 = UNDO_RMDIR;
	patch(path, HEADER, &u32, 4);
	u64 = 1u << 30;
	patch(path, AT_USED, &u64, 8);
	refuse(path, "truncated");
	u64 = 8;
	patch(path, AT_USED, &u64, 8);
	refuse(path, "truncated");
	u32 = 0xfffffff8;
	patch(path, AT_HEADER_SIZE, &u32, 4);
	refuse(path, "another version");
	u32 = 9;
	patch(path, AT_VERSION, &u32, 4);
	refuse(path, "another version");
	patch(path, 0, "#!/bin/sh", 8);
	refuse(path, "not a journal");
	assert_int_equal(truncate(path, 20), 0);
	refuse(path, "not a journal");
	assert_int_equal(chmod(path, 0666), 0);
	refuse(path, "only we can write");
	unlink(path);
}

static void test_unfinished(void **state)
{
	_cleanup_free_ char *path = left_behind();
	struct journal *j = NULL;
	struct err e = { 0 };
	uint64_t zero = 0;

	patch(path, 0, &zero, 8);
	assert_int_equal(journal_load(&j, path, &e), -ESTALE);
	assert_int_equal(journal_load(&j, path, &e), -ENOENT);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(journal_load(&j, path, &e), -ESTALE);
	assert_int_equal(journal_load(&j, path, &e), -ENOENT);
	assert_string_equal(e.object, path);
}

/* After a reboot only what lies on disk is undone. */
static void test_other_boot(void **state)
{
	_cleanup_free_ char *path = left_behind();
	struct journal *j = NULL;
	struct err e = { 0 };

	/* A boot id has hexadecimal digits only. */
	patch(path, AT_BOOT, "x", 1);
	assert_int_equal(journal_load(&j, path, &e), 0);
	trace[0] = 0;
	assert_int_equal(journal_undo(j, kinds, &e), 0);
	assert_string_equal(trace, "bone ");
	journal_close(j);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_directory(void **state)
{
	struct journal *j = NULL;
	struct err e = { 0 };
	char sub[64];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(mkdir(sub, 0777), 0);
	assert_int_equal(chmod(sub, 0777), 0);
	assert_int_equal(journal_create(&j, sub, "dump", 1, &e), -EPERM);
	assert_string_equal(e.object, sub);
	assert_non_null(strstr(e.hint, "chmod 700"));
	rmdir(sub);
	assert_int_equal(journal_create(&j, "/proc/no/where", "dump", 1, &e), -ENOENT);
	assert_non_null(strstr(e.hint, "run as root"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	   cmocka_unit_test(test_failing),
		cmocka_unit_test(test_growth),	   cmocka_unit_test(test_owner),
		cmocka_unit_test(test_hostile),	   cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_other_boot), cmocka_unit_test(test_directory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
