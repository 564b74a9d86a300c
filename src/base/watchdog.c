/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worker and waiting parent, guard and working parent: who watches whom, and
 * how the news of a death or of a wish to stop travels.
 */
#define LOG_MODULE "watchdog"
#include "base/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"

#include <linux/close_range.h>

/*
 * State of this process's signal handler, which takes no argument: the signal
 * that asked us to stop, and whether it is too late to listen.
 */
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t stop_ignored;

static const int stop_signals[GUARD_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

static void on_stop(int sig)
{
	if (!stop_ignored)
		stop_signal = sig;
}

bool cancelled(void)
{
	return stop_signal != 0;
}

void cancel_ignore(void)
{
	stop_ignored = 1;
}

int cancel_check(struct err *e)
{
	if (!stop_signal)
		return 0;
	return err_set(e, ERR_CANCELLED, ECANCELED, "go on", "",
		       "interrupted by signal %d (%s)", (int)stop_signal, strsignal(stop_signal));
}

static void handlers_install(struct sigaction *old)
{
	struct sigaction sa = { .sa_handler = on_stop, .sa_flags = SA_RESTART };

	stop_signal = 0;
	stop_ignored = 0;
	for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++) {
		sigaction(stop_signals[i], NULL, &old[i]);
		/* What the caller ignores (nohup) stays ignored. */
		if (old[i].sa_handler != SIG_IGN)
			sigaction(stop_signals[i], &sa, NULL);
	}
}

static void handlers_remove(const struct sigaction *old)
{
	for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
		sigaction(stop_signals[i], &old[i], NULL);
}

/* The worker: told of its parent's death by SIGTERM, which asks it to go back in order. */
static void worker_main(int sock, pid_t parent, int (*work)(void *, struct err *), void *arg)
{
	struct sigaction sa = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	struct err e = { 0 };
	int r;

	log_forked();
	prctl(PR_SET_NAME, "stasis-worker");
	setsid();
	/* Also where the caller ignores it: this signal comes from the kernel. */
	sigaction(SIGTERM, &sa, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		stop_signal = SIGTERM;
	r = work(arg, &e);
	if (r && !e.code)
		err_set(&e, ERR_GENERAL, -r, "work", "", "%s", strerror(-r));
	if (!r)
		err_clear(&e);
	log_flush();
	/* Nobody may be there to read it. */
	if (send(sock, &e, sizeof(e), MSG_NOSIGNAL) < 0 && r)
		log_warn("%s %s: %s", e.op, e.object, e.why);
	_exit(r ? 1 : 0);
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Until the worker has answered or died; a wish to stop is handed on. */
static ssize_t await_answer(int sock, pid_t worker, struct err *ret)
{
	int told = 0;

	for (;;) {
		struct pollfd p = { .fd = sock, .events = POLLIN };
		int n = poll(&p, 1, -1);

		if (stop_signal && told != stop_signal) {
			told = stop_signal;
			kill(worker, told);
		}
		if (n < 0 && errno == EINTR)
			continue;
		return recv(sock, ret, sizeof(*ret), MSG_WAITALL);
	}
}

int watchdog_run(struct journal *j, const struct undo_kind *const *kinds,
		 int (*work)(void *arg, struct err *e), void *arg, struct err *e)
{
	struct sigaction old[ARRAY_SIZE(stop_signals)];
	struct err answer = { 0 }, late = { 0 };
	pid_t self = getpid(), worker;
	int sv[2], status, r;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return err_sys(e, "socketpair", "to the worker");
	handlers_install(old);
	log_flush();
	worker = fork();
	if (worker == 0) {
		close(sv[0]);
		worker_main(sv[1], self, work, arg);
	}
	close(sv[1]);
	if (worker < 0) {
		handlers_remove(old);
		close(sv[0]);
		return err_sys(e, "fork", "the worker");
	}
	journal_set_owners(j, worker, self);
	n = await_answer(sv[0], worker, &answer);
	close(sv[0]);
	status = reap(worker);
	if (n == sizeof(answer)) {
		*e = answer;
		r = -answer.code;
	} else {
		r = journal_undo(j, kinds, &late);
		if (WIFSIGNALED(status))
			err_set(e, ERR_GENERAL, EOWNERDEAD, "work", "", "the worker was killed by signal %d (%s); %s",
				WTERMSIG(status), strsignal(WTERMSIG(status)),
				r ? "not everything could be undone" : "everything was undone");
		else
			err_set(e, ERR_GENERAL, EOWNERDEAD, "work", "", "the worker ended without an answer; %s",
				r ? "not everything could be undone" : "everything was undone");
		if (r)
			err_hint(e, "%s %s: %s; `stasis recover` tries again", late.op, late.object,
				 late.why);
		r = -EOWNERDEAD;
	}
	handlers_remove(old);
	return r;
}

/*
 * The guard: keeps nothing open but a pidfd on us, one end of a socket pair and
 * the log. We are its parent; it is reaped when released.
 */
static void guard_main(struct journal *j, const struct undo_kind *const *kinds, int pidfd, int sock,
		       int log)
{
	enum { KEEP = 3 };
	struct pollfd p[2];
	struct err e = { 0 };
	char released;

	setsid();
	prctl(PR_SET_NAME, "stasis-guard");
	/* Low numbers in ascending order, then nothing above: the caller's files are none of our business. */
	dup2(pidfd, 0);
	dup2(sock, 1);
	dup2(log >= 0 ? log : sock, 2);
	close_range(KEEP, ~0u, 0);
	log_open(2, LOG_INFO, false, NULL);
	if (log < 0)
		close(2);
	p[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = 1, .events = POLLIN };
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno == EINTR)
			continue;
		if (p[1].revents && recv(1, &released, 1, 0) == 1)
			_exit(0);
		if (p[0].revents)
			break;
	}
	_exit(journal_undo(j, kinds, &e) ? 1 : 0);
}

int watchdog_guard(struct guard *ret, struct journal *j, const struct undo_kind *const *kinds,
		   struct err *e)
{
	_cleanup_close_ int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	struct guard g = { .sock = -EBADF };
	int sv[2];

	if (pidfd < 0)
		return err_sys(e, "pidfd_open", "this process");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return err_sys(e, "socketpair", "to the guard");
	log_flush();
	/* No exit signal: our caller's SIGCHLD handling and plain wait(2) do not see it. */
	g.pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (g.pid == 0) {
		log_forked();
		guard_main(j, kinds, pidfd, sv[1], log_fd());
	}
	close(sv[1]);
	g.sock = sv[0];
	if (g.pid < 0) {
		close(sv[0]);
		return err_sys(e, "clone", "the guard");
	}
	handlers_install(g.old);
	journal_set_owners(j, getpid(), g.pid);
	*ret = g;
	return 0;
}

void watchdog_release(struct guard *g)
{
	char released = 1;

	if (g->pid <= 0)
		return;
	handlers_remove(g->old);
	send(g->sock, &released, 1, MSG_NOSIGNAL);
	close(g->sock);
	while (waitpid(g->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	g->pid = 0;
}
