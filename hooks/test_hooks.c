/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Order, environment, failures and veto of action scripts, with real scripts in a temporary directory. */
#include "hooks/hooks.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/cleanup.h"

struct dir {
	char path[64];
	char *list[4];
	size_t n;
};

static int setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	*state = d;
	strcpy(d->path, "/tmp/test_hooks.XXXXXX");
	return mkdtemp(d->path) ? 0 : -1;
}

static int teardown(void **state)
{
	struct dir *d = *state;
	char cmd[128];

	for (size_t i = 0; i < ARRAY_SIZE(d->list); i++)
		free(d->list[i]);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", d->path);
	free(d);
	return system(cmd);
}

static void script(struct dir *d, const char *text, mode_t mode)
{
	char *path;
	FILE *f;

	assert_true(asprintf(&path, "%s/s%zu", d->path, d->n) > 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s", text);
	fclose(f);
	chmod(path, mode);
	free(d->list[d->n]);
	d->list[d->n++] = path;
}

static struct hooks hooks(const struct dir *d)
{
	return (struct hooks){ .scripts = d->list, .n_scripts = d->n, .images_fd = 5 };
}

static void output(const struct dir *d, char *buf, size_t size)
{
	char path[96];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/out", d->path);
	f = fopen(path, "r");
	n = f ? fread(buf, 1, size - 1, f) : 0;
	buf[n] = 0;
	if (f)
		fclose(f);
}

static void test_order_and_environment(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	char out[512], want[512];
	struct hooks h;

	script(d,
	       "#!/bin/sh\necho a $CRTOOLS_SCRIPT_ACTION $CRTOOLS_IMAGE_DIR $CRTOOLS_INIT_PID >>${0%/*}/out\n",
	       0755);
	script(d, "#!/bin/sh\necho b ${CRTOOLS_INIT_PID-none} >>${0%/*}/out\n", 0755);
	h = hooks(d);
	assert_int_equal(hooks_run(&h, HOOK_PRE_DUMP, 0, NULL, &e), 0);
	assert_int_equal(hooks_run(&h, HOOK_POST_RESUME, 42, NULL, &e), 0);
	output(d, out, sizeof(out));
	snprintf(want, sizeof(want),
		 "b none\na pre-dump /proc/%d/fd/5\nb 42\na post-resume /proc/%d/fd/5 42\n",
		 getpid(), getpid());
	assert_string_equal(out, want);
}

static void test_all_run_and_first_failure_counts(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	char out[64];
	struct hooks h;

	script(d, "#!/bin/sh\necho a >>${0%/*}/out\nexit 3\n", 0755);
	script(d, "#!/bin/sh\necho b >>${0%/*}/out\nexit 7\n", 0755);
	h = hooks(d);
	assert_true(hooks_run(&h, HOOK_PRE_RESTORE, 0, NULL, &e) < 0);
	assert_string_equal(e.object, d->list[1]);
	assert_non_null(strstr(e.why, "status 7"));
	assert_non_null(strstr(e.trail, "pre-restore"));
	output(d, out, sizeof(out));
	assert_string_equal(out, "b\na\n");
}

static void test_veto_status(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	int status = 0;
	struct hooks h;

	script(d, "#!/bin/sh\nexit 42\n", 0755);
	h = hooks(d);
	assert_true(hooks_run(&h, HOOK_POST_DUMP, 1, &status, &e) < 0);
	assert_int_equal(status, 42);
}

static void test_too_late_to_fail(void **state)
{
	static const enum hook_point late[] = { HOOK_NETWORK_UNLOCK, HOOK_PRE_RESUME,
						HOOK_POST_RESUME };
	struct dir *d = *state;
	struct hooks h;

	script(d, "#!/bin/sh\nexit 1\n", 0755);
	h = hooks(d);
	for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
		struct err e = { 0 };

		assert_int_equal(hooks_run(&h, late[i], 1, NULL, &e), 0);
		assert_false(hook_is_fatal(late[i]));
	}
}

static void test_cannot_run(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	struct hooks h;

	script(d, "#!/bin/sh\nexit 0\n", 0644);
	h = hooks(d);
	assert_int_equal(hooks_run(&h, HOOK_PRE_DUMP, 0, NULL, &e), -EACCES);
	assert_string_equal(e.object, d->list[0]);
	assert_non_null(strstr(e.hint, "executable"));

	err_clear(&e);
	unlink(d->list[0]);
	assert_int_equal(hooks_run(&h, HOOK_PRE_DUMP, 0, NULL, &e), -ENOENT);
	assert_string_equal(e.object, d->list[0]);

	err_clear(&e);
	d->n = 0;
	script(d, "#!/no/such/shell\n", 0755);
	assert_int_equal(hooks_run(&h, HOOK_PRE_DUMP, 0, NULL, &e), -ENOENT);
	assert_non_null(strstr(e.hint, "interpreter"));
}

static void test_signal_is_told(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	struct hooks h;

	script(d, "#!/bin/sh\nkill -TERM $$\n", 0755);
	h = hooks(d);
	assert_true(hooks_run(&h, HOOK_NETWORK_LOCK, 0, NULL, &e) < 0);
	assert_non_null(strstr(e.why, "signal 15"));
}

static void test_clean_start(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	char out[256];
	int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct hooks h;

	signal(SIGUSR1, SIG_IGN);
	script(d,
	       "#!/bin/sh\n{ [ -e /proc/self/fd/9 ] && echo leaked; grep SigIgn /proc/self/status; } >${0%/*}/out\n",
	       0755);
	h = hooks(d);
	dup2(fd, 9);
	assert_int_equal(hooks_run(&h, HOOK_PRE_DUMP, 0, NULL, &e), 0);
	signal(SIGUSR1, SIG_DFL);
	close(9);
	close(fd);
	output(d, out, sizeof(out));
	/* Signals 32 and 33 belong to libc, which lets nobody set them: whoever started us may ignore them. */
	assert_memory_equal(out, "SigIgn:\t", 8);
	assert_int_equal(strtoull(out + 8, NULL, 16) & ~(3ull << 31), 0);
}

static int seen;

static int client(void *ctx, const char *point, pid_t pid, int fd, struct err *e)
{
	seen++;
	assert_string_equal(point, ctx);
	return strcmp(point, "pre-dump") ? 0 : -EPERM;
}

static void test_client_first(void **state)
{
	struct dir *d = *state;
	struct err e = { 0 };
	char out[64];
	struct hooks h;

	script(d, "#!/bin/sh\necho $CRTOOLS_SCRIPT_ACTION >>${0%/*}/out\n", 0755);
	h = hooks(d);
	h.notify = client;
	h.notify_ctx = "query-ext-files";
	assert_int_equal(hooks_run(&h, HOOK_QUERY_EXT_FILES, 0, NULL, &e), 0);
	output(d, out, sizeof(out));
	assert_string_equal(out, "");
	h.notify_ctx = "pre-dump";
	assert_int_equal(hooks_run(&h, HOOK_PRE_DUMP, 0, NULL, &e), -EPERM);
	output(d, out, sizeof(out));
	assert_string_equal(out, "pre-dump\n");
	assert_int_equal(seen, 2);
}

static void test_names(void **state)
{
	for (int p = 0; p < HOOK_POINTS; p++)
		assert_non_null(hook_name(p));
	assert_string_equal(hook_name(HOOK_POST_SETUP_NAMESPACES), "post-setup-namespaces");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_order_and_environment),
		T(test_all_run_and_first_failure_counts),
		T(test_veto_status),
		T(test_too_late_to_fail),
		T(test_cannot_run),
		T(test_signal_is_told),
		T(test_clean_start),
		T(test_client_first),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
