// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of the log: levels and masks, both formats, buffering, forks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#define LOG_MODULE "unit"
#include "base/log.h"

static int fd;
static char text[1024 * 1024];

static const char *written(void)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static int setup(void **state)
{
	fd = memfd_create("log", MFD_CLOEXEC);
	return fd < 0;
}

static int teardown(void **state)
{
	log_close();
	return 0;
}

static void test_levels(void **state)
{
	log_open(fd, LOG_WARN, false, NULL);
	log_info("not this");
	log_debug("nor this");
	log_warn("but this");
	log_flush();
	assert_null(strstr(written(), "this)"));
	assert_null(strstr(text, "not"));
	assert_non_null(strstr(text, "Warn  (unit): but this\n"));
}

static void test_mask(void **state)
{
	log_open(fd, LOG_WARN, false, "mounts,unit");
	assert_true(log_wants(LOG_DEBUG, "unit"));
	assert_true(log_wants(LOG_DEBUG, "mounts"));
	assert_false(log_wants(LOG_DEBUG, "mount"));
	assert_false(log_wants(LOG_DEBUG, "uni"));
	assert_false(log_wants(LOG_INFO, "netns"));
}

static void test_error_is_written_at_once(void **state)
{
	log_open(fd, LOG_DEBUG, false, NULL);
	log_info("step");
	assert_string_equal(written(), "");
	log_line(LOG_ERROR, "unit", "it broke");
	assert_non_null(strstr(written(), "Error (unit): it broke\n"));
	assert_true(strstr(text, "step") < strstr(text, "it broke"));
}

static void test_json(void **state)
{
	char *line;

	log_open(fd, LOG_INFO, true, NULL);
	log_info("a \"quoted\\ \n\t %s \xff end", "\xc3\xa9");
	log_flush();
	line = (char *)written();
	assert_int_equal(line[0], '{');
	assert_non_null(strstr(line, "\"level\":\"info\",\"module\":\"unit\",\"pid\":"));
	assert_non_null(
		strstr(line, "\"msg\":\"a \\\"quoted\\\\ \\n\\u0009 \xc3\xa9 \\ufffd end\"}\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void test_long_lines(void **state)
{
	static char big[10000];
	size_t n = 0;

	memset(big, '"', sizeof(big) - 1);
	log_open(fd, LOG_DEBUG, true, NULL);
	for (int i = 0; i < 100; i++)
		log_debug("%s", big);
	log_flush();
	written();
	for (char *p = text; (p = strchr(p, '\n')); p++) {
		n++;
		assert_int_equal(memcmp(p - 2, "\"}", 2), 0);
	}
	assert_int_equal(n, 100);
}

static void test_fork(void **state)
{
	pid_t pid;
	char *first;

	log_open(fd, LOG_DEBUG, false, NULL);
	log_info("before");
	pid = fork();
	if (!pid) {
		log_info("child");
		log_flush();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	log_flush();
	first = strstr(written(), "before");
	assert_non_null(first);
	assert_null(strstr(first + 1, "before"));
	assert_non_null(strstr(text, "child"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mask, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_is_written_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
