// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of worker, guard and their watching each other: every death that can happen. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/watchdog.h"

static char dir[] = "/tmp/stasis-watchdog-XXXXXX";

/* What every process of a test sees. */
static struct shared {
	int undone, undone_by, worker, saw_cancel, own_session;
	int fds_open;
	uint64_t t_killed, t_seen;
	char comm[16];
} * sh;

static int undo(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	sh->undone += (int)n;
	sh->undone_by = getpid();
	return 0;
}

/* Counts what the process still has open. */
static int undo_fds(struct journal *j, struct journal_entry *const *v, size_t n, struct err *e)
{
	_cleanup_closedir_ DIR *d = opendir("/proc/self/fd");
	struct dirent *de;
	char target[256] = "";
	int others = 0;

	while ((de = readdir(d))) {
		int fd = atoi(de->d_name);
		ssize_t len = readlinkat(dirfd(d), de->d_name, target, sizeof(target) - 1);

		target[len < 0 ? 0 : len] = '\0';
		if (len > 0 && fd != dirfd(d) && strcmp(target, "/dev/null") &&
		    strcmp(target, journal_path(j)) && !strstr(target, "pidfd"))
			others++;
	}
	sh->fds_open = others;
	prctl(PR_GET_NAME, sh->comm);
	return undo(j, v, n, e);
}

static const struct undo_kind kind = { .id = UNDO_THAW, .name = "count", .undo = undo };
static const struct undo_kind kind_fds = { .id = UNDO_RMDIR, .name = "look", .undo = undo_fds };
static const struct undo_kind *const kinds[] = { &kind, &kind_fds, NULL };

static int setup_all(void **state)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return sh != MAP_FAILED && mkdtemp(dir) ? 0 : -1;
}

static int teardown_all(void **state)
{
	return rmdir(dir);
}

static int setup(void **state)
{
	struct err e = { 0 };
	struct journal *j = NULL;

	memset(sh, 0, sizeof(*sh));
	if (journal_create(&j, dir, "test", 1, &e))
		return -1;
	*state = j;
	return 0;
}

static int teardown(void **state)
{
	journal_close(*state);
	return 0;
}

static bool wait_for(volatile int *v)
{
	for (int i = 0; i < 2000 && !*v; i++)
		usleep(1000);
	return *v;
}

static int work_well(void *arg, struct err *e)
{
	sh->worker = getpid();
	sh->own_session = getsid(0) == getpid();
	prctl(PR_GET_NAME, sh->comm);
	return 0;
}

static int work_error(void *arg, struct err *e)
{
	journal_add(arg, UNDO_THAW, "", 0, NULL, e);
	return err_set(e, ERR_TARGET, ESRCH, "find", "it", "there is none");
}

static int work_die(void *arg, struct err *e)
{
	journal_add(arg, UNDO_THAW, "", 0, NULL, e);
	journal_add(arg, UNDO_THAW, "", 0, NULL, e);
	raise(SIGKILL);
	return 0;
}

static int work_long(void *arg, struct err *e)
{
	journal_add(arg, UNDO_THAW, "", 0, NULL, e);
	sh->worker = getpid();
	while (!cancelled())
		poll(NULL, 0, 5000);
	sh->t_seen = now_us();
	sh->saw_cancel = 1;
	return cancel_check(e);
}

static void no_child_left(void)
{
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_well(void **state)
{
	struct err e = { 0 };

	assert_int_equal(watchdog_run(*state, kinds, work_well, *state, &e), 0);
	assert_int_not_equal(sh->worker, getpid());
	assert_true(sh->own_session);
	assert_string_equal(sh->comm, "stasis-worker");
	assert_int_equal(sh->undone, 0);
	no_child_left();
}

static void test_error(void **state)
{
	struct err e = { 0 };

	assert_int_equal(watchdog_run(*state, kinds, work_error, *state, &e), -ESRCH);
	assert_string_equal(e.why, "there is none");
	assert_int_equal(e.class, ERR_TARGET);
	/* What the worker left open is undone by its parent. */
	assert_int_equal(sh->undone, 1);
	assert_int_equal(sh->undone_by, getpid());
	no_child_left();
}

static void test_killed(void **state)
{
	struct err e = { 0 };

	assert_int_equal(watchdog_run(*state, kinds, work_die, *state, &e), -ECHILD);
	assert_non_null(strstr(e.why, "worker was killed by signal 9"));
	assert_non_null(strstr(e.trail, "everything was undone"));
	assert_int_equal(sh->undone, 2);
	no_child_left();
}

static void test_sigchld_ignored(void **state)
{
	struct err e = { 0 };

	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(watchdog_run(*state, kinds, work_die, *state, &e), -ECHILD);
	assert_non_null(strstr(e.why, "killed by signal 9"));
	assert_ptr_equal(signal(SIGCHLD, SIG_DFL), SIG_IGN);
}

static void pass_signal(void **state, int sig)
{
	struct err e = { 0 };
	pid_t pid = fork();

	if (!pid) {
		int r = watchdog_run(*state, kinds, work_long, *state, &e);

		_exit(r == -ECANCELED && e.class == ERR_CANCELLED ? 7 : 8);
	}
	int status;

	assert_true(wait_for(&sh->worker));
	sh->t_killed = now_us();
	kill(pid, sig);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_true(sh->saw_cancel);
	assert_int_equal(sh->undone, 1);
}

static void test_sigint(void **state)
{
	pass_signal(state, SIGINT);
}

static void test_sigterm(void **state)
{
	pass_signal(state, SIGTERM);
}

static void test_parent_dies(void **state)
{
	struct err e = { 0 };
	pid_t pid = fork();

	if (!pid) {
		/* Also where SIGTERM is ignored. */
		signal(SIGTERM, SIG_IGN);
		watchdog_run(*state, kinds, work_long, *state, &e);
		_exit(0);
	}
	assert_true(wait_for(&sh->worker));
	sh->t_killed = now_us();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(wait_for(&sh->saw_cancel));
	assert_true(sh->t_seen - sh->t_killed < 500000);
	/* It undoes what is left, and the journal goes. */
	assert_true(wait_for(&sh->undone));
	assert_int_equal(sh->undone_by, sh->worker);
	for (int i = 0; i < 2000 && !access(journal_path(*state), F_OK); i++)
		usleep(1000);
	assert_int_equal(access(journal_path(*state), F_OK), -1);
}

static void test_nohup(void **state)
{
	struct err e = { 0 };
	pid_t pid = fork();

	if (!pid) {
		signal(SIGHUP, SIG_IGN);
		watchdog_run(*state, kinds, work_long, *state, &e);
		_exit(0);
	}
	assert_true(wait_for(&sh->worker));
	kill(pid, SIGHUP);
	usleep(50000);
	assert_false(sh->saw_cancel);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	assert_true(sh->saw_cancel);
}

static void test_guard_undoes(void **state)
{
	struct err e = { 0 };
	int out[2], status;
	char c;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		struct guard g;

		dup2(out[1], 1);
		if (watchdog_guard(&g, *state, kinds, NULL, NULL, &e))
			_exit(1);
		journal_add(*state, UNDO_RMDIR, "", 0, NULL, &e);
		raise(SIGKILL);
	}
	close(out[1]);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	/* The end of our output comes with our death, not with the guard's. */
	assert_int_equal(read(out[0], &c, 1), 0);
	close(out[0]);
	assert_true(wait_for(&sh->undone));
	assert_string_equal(sh->comm, "stasis-guard");
	assert_int_equal(sh->fds_open, 0);
	for (int i = 0; i < 2000 && !access(journal_path(*state), F_OK); i++)
		usleep(1000);
	assert_int_equal(access(journal_path(*state), F_OK), -1);
}

static void test_guard_released(void **state)
{
	struct err e = { 0 };
	struct guard g = { 0 };

	watchdog_release(&g); /* none: nothing happens */
	assert_int_equal(watchdog_guard(&g, *state, kinds, NULL, NULL, &e), 0);
	assert_false(cancelled());
	raise(SIGHUP);
	assert_true(cancelled());
	assert_int_equal(cancel_check(&e), -ECANCELED);
	cancel_ignore();
	assert_false(cancelled());
	watchdog_release(&g);
	assert_ptr_equal(signal(SIGHUP, SIG_DFL), SIG_DFL);
	no_child_left();
	assert_int_equal(sh->undone, 0);
	watchdog_release(&g);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_well),	 TEST(test_error),
		TEST(test_killed),	 TEST(test_sigchld_ignored),
		TEST(test_sigint),	 TEST(test_sigterm),
		TEST(test_parent_dies),	 TEST(test_nohup),
		TEST(test_guard_undoes), TEST(test_guard_released),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
