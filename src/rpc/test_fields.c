// SPDX-License-Identifier: GPL-2.0-or-later
/* Fields of criu_opts as options: none is forgotten, and what each kind of value becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "rpc/fields-internal.h"

static void every_field_is_known(void **state)
{
	const ProtobufCMessageDescriptor *m = &criu_opts__descriptor;

	for (unsigned i = 0; i < m->n_fields; i++) {
		const char *option = field_option(m->fields[i].name);
		bool negated;

		if (!option)
			fail_msg("%s has no line in the table", m->fields[i].name);
		if (*option && !option_find(option, &negated))
			fail_msg("%s: there is no --%s", m->fields[i].name, option);
	}
}

static struct client here(bool swrk)
{
	return (struct client){ .sk = -1, .swrk = swrk, .cred = { .pid = getpid() } };
}

static int init(struct job *j, CriuOpts *o, enum cmd cmd, bool swrk, struct err *e)
{
	struct client c = here(swrk);

	*e = (struct err){ 0 };
	return job_init(j, &c, o, cmd, e);
}

static void values_arrive(void **state)
{
	_cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CriuOpts o = CRIU_OPTS__INIT;
	struct job j;
	struct err e;

	o.images_dir_fd = dir;
	o.has_pid = true;
	o.pid = 1234567;
	o.has_log_level = true;
	o.log_level = 7;
	o.log_file = (char *)"dump.log";
	o.has_leave_running = o.leave_running = true;
	o.has_tcp_established = o.tcp_established = true;
	o.has_timeout = true;
	o.timeout = 21;
	o.has_ghost_limit = true;
	o.ghost_limit = 4096;
	o.has_rst_sibling = o.rst_sibling = true; /* a restore's: nothing here */
	o.config_file = (char *)"/nonexistent/runc.conf";
	assert_int_equal(init(&j, &o, CMD_DUMP, true, &e), 0);
	assert_int_equal(j.o.tree, 1234567);
	assert_false(j.self);
	assert_int_equal(j.o.verbosity, 4);
	assert_string_equal(j.o.log_file, "dump.log");
	assert_true(j.o.leave_running);
	assert_true(j.o.tcp_established);
	assert_int_equal(j.o.timeout, 21);
	assert_int_equal(j.o.ghost_limit, 4096);
	assert_false(j.o.restore_sibling);
	assert_true(!strncmp(j.o.images_dir, "/proc/self/fd/", 14));
	job_free(&j);
}

/* Without a pid the client means itself; its end of the connection is known by then. */
static void client_itself(void **state)
{
	_cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CriuOpts o = CRIU_OPTS__INIT;
	struct client c = here(true);
	struct err e = { 0 };
	struct stat st;
	struct job j;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fstat(pair[1], &st), 0);
	c.sk = pair[0];
	o.images_dir_fd = dir;
	if (job_init(&j, &c, &o, CMD_DUMP, &e))
		fail_msg("%s %s: %s", e.op, e.object, e.why);
	assert_true(j.self);
	assert_int_equal(j.o.tree, getpid());
	assert_int_equal(j.o.client_socket, (uint32_t)st.st_ino);
	assert_true(j.o.client_answer_len > 0);
	job_free(&j);
	o.has_notify_scripts = o.notify_scripts = true;
	assert_true(job_init(&j, &c, &o, CMD_DUMP, &e) < 0);
	job_free(&j);
	assert_non_null(strstr(e.object, "notify_scripts"));
	close(pair[0]);
	close(pair[1]);
}

static void refused(CriuOpts *o, bool swrk, enum cmd cmd, const char *field, const char *why)
{
	struct job j;
	struct err e;

	assert_true(init(&j, o, cmd, swrk, &e) < 0);
	job_free(&j);
	assert_non_null(strstr(e.object, field));
	if (!strstr(e.why, why))
		fail_msg("%s: %s", e.object, e.why);
}

static void refused_by_name(void **state)
{
	_cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CriuOpts o = CRIU_OPTS__INIT;

	refused(&o, true, CMD_DUMP, "images_dir_fd", "names no directory");
	o.images_dir_fd = 987;
	refused(&o, true, CMD_DUMP, "images_dir_fd", "it is not open");
	o.images_dir_fd = dir;
	o.has_empty_ns = true;
	o.empty_ns = 0x20000000;
	refused(&o, true, CMD_DUMP, "empty_ns", "only a network namespace");
	o.empty_ns = 0x40000000;
	o.has_network_lock = true;
	o.network_lock = (CriuNetworkLockMethod)77;
	refused(&o, true, CMD_DUMP, "network_lock", "no value 77");
	o.has_network_lock = false;
	o.has_rst_sibling = o.rst_sibling = true;
	refused(&o, false, CMD_RESTORE, "rst_sibling", "a service cannot");
	o.has_rst_sibling = false;
	o.has_pid = true;
	o.pid = -4;
	refused(&o, true, CMD_DUMP, "pid", "no process id");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_known),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(client_itself),
		cmocka_unit_test(refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
