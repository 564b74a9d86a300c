// SPDX-License-Identifier: LGPL-2.1-or-later
/* Unit tests of reading /proc, on ourselves and on children of ours. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/proc.h"

static pid_t child(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_stat(void **state)
{
	struct proc_stat s;
	struct err e = { 0 };

	/* A name that looks like the end of itself. */
	prctl(PR_SET_NAME, "a) R (b 1 2");
	assert_int_equal(proc_stat_read(getpid(), &s, &e), 0);
	assert_string_equal(s.comm, "a) R (b 1 2");
	assert_int_equal(s.state, 'R');
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.ppid, getppid());
	assert_int_equal(s.pgrp, getpgrp());
	assert_int_equal(s.sid, getsid(0));
	assert_int_equal(s.num_threads, 1);
	assert_int_equal(s.exit_signal, SIGCHLD);
	assert_true(s.start_stack && s.arg_start && s.arg_end > s.arg_start &&
		    s.env_end > s.env_start);
}

static void test_status(void **state)
{
	struct proc_status s;
	struct err e = { 0 };
	sigset_t set, old;
	mode_t mask = umask(027);
	int n = getgroups(0, NULL);

	prctl(PR_SET_NAME, "x\ny\\z");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(proc_status_read(getpid(), 0, &s, &e), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	umask(mask);
	assert_string_equal(s.comm, "x\ny\\z");
	assert_int_equal(s.umask, 027);
	assert_int_equal(s.tgid, getpid());
	assert_int_equal(s.ppid, getppid());
	assert_int_equal(s.uid[1], geteuid());
	assert_int_equal(s.gid[2], getegid());
	assert_int_equal(s.ngroups, n);
	assert_true(s.sigblk & 1ULL << (SIGUSR2 - 1));
	assert_true(s.sigign & 1ULL << (SIGHUP - 1));
	assert_true(s.nspid_n >= 1);
	assert_int_equal(s.nspid[0], getpid());
	assert_int_equal(s.threads, 1);
	assert_false(s.kthread);
	proc_status_free(&s);
	assert_null(s.groups);
}

static void test_gone(void **state)
{
	struct proc_status s;
	struct proc_stat st;
	struct err e = { 0 };
	pid_t pid = child();
	uint64_t ino;
	size_t n;
	int *v;

	child_end(pid);
	assert_int_equal(proc_stat_read(pid, &st, &e), -ESRCH);
	assert_int_equal(e.class, ERR_TARGET);
	assert_int_equal(proc_status_read(pid, pid, &s, &e), -ESRCH);
	assert_int_equal(proc_list(pid, "fd", &v, &n, &e), -ESRCH);
	assert_int_equal(proc_children(pid, &v, &n, &e), -ESRCH);
	assert_int_equal(proc_ns_ino(pid, "mnt", &ino, &e), -ESRCH);
	assert_int_equal(proc_kcmp(pid, pid, KCMP_VM, 0, 0), -ESRCH);
}

static void *thread_with_child(void *arg)
{
	*(pid_t *)arg = child();
	/* Stays: the child of a thread that ends moves to another. */
	pause();
	return NULL;
}

static void test_children(void **state)
{
	pid_t first = child(), second = 0, third, *v = NULL;
	struct err e = { 0 };
	bool seen = false;
	pthread_t t;
	size_t n;

	pthread_create(&t, NULL, thread_with_child, &second);
	while (!__atomic_load_n(&second, __ATOMIC_RELAXED))
		usleep(100);
	/* Start times are told apart by hundredths of a second. */
	usleep(30000);
	third = child();
	assert_int_equal(proc_children(getpid(), &v, &n, &e), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++)
		seen |= v[i] == second;
	assert_true(seen);
	assert_int_equal(v[2], third);
	free(v);
	child_end(first);
	child_end(second);
	child_end(third);
	pthread_cancel(t);
	pthread_join(t, NULL);
}

static void test_lists(void **state)
{
	struct err e = { 0 };
	bool seen = false;
	size_t n;
	int *v;

	assert_int_equal(dup2(STDERR_FILENO, 300), 300);
	assert_int_equal(dup2(STDERR_FILENO, 77), 77);
	assert_int_equal(proc_list(getpid(), "fd", &v, &n, &e), 0);
	for (size_t i = 0; i < n; i++) {
		seen |= v[i] == 300;
		assert_true(!i || v[i - 1] < v[i]);
	}
	assert_true(seen);
	free(v);
	close(77);
	close(300);
	assert_int_equal(proc_list(getpid(), "nonsense", &v, &n, &e), -ENOENT);
}

static void test_links(void **state)
{
	struct err e = { 0 };
	char buf[512], tiny[4];
	uint64_t ino;

	assert_int_equal(proc_readlink(getpid(), "exe", buf, sizeof(buf), &e), 0);
	assert_non_null(strstr(buf, "test_proc"));
	assert_int_equal(proc_readlink(getpid(), "exe", tiny, sizeof(tiny), &e), -ENAMETOOLONG);
	assert_int_equal(proc_ns_ino(getpid(), "uts", &ino, &e), 0);
	assert_true(ino);
	assert_int_equal(proc_ns_ino(getpid(), "nonsense", &ino, &e), 0);
	assert_int_equal(ino, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),  cmocka_unit_test(test_status),
		cmocka_unit_test(test_gone),  cmocka_unit_test(test_children),
		cmocka_unit_test(test_lists), cmocka_unit_test(test_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
