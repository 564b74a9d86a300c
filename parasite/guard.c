// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guard over our own death, for the few moments in which it would be felt.
 *
 * A small process of ours traces us with PTRACE_O_TRACEEXIT. When we are
 * killed, we stop at the very beginning of our exit, still being the tasks'
 * tracer; the guard freezes the tasks and only then lets us go. They wake up
 * in the freezer, and whoever undoes our journal finds them there. If the guard
 * is killed instead, nothing happens: we simply have none any more.
 *
 * Two moments need it: under a v1 freezer, the stop of threads whose call has
 * failed with -EINTR because of the freeze; and calls inside tasks whose seccomp
 * filters, suspended only while we live, would kill them for it.
 *
 * Runs in: the coordinator and the guard.
 */
#include "parasite/remote-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

#define GUARD_WAIT_US 1000
#define STATUS_EXITING (SIGTRAP | PTRACE_EVENT_EXIT << 8)

static void __attribute__((noreturn)) guard_run(struct remote *r, pid_t tracer, int ready)
{
	struct err e = { 0 };
	int status;

	if (ptrace(PTRACE_SEIZE, tracer, 0, PTRACE_O_TRACEEXIT) || write(ready, "y", 1) != 1)
		_exit(1);
	for (;;) {
		int sig = 0;

		if (waitpid(tracer, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			_exit(0);
		}
		if (!WIFSTOPPED(status))
			_exit(0);
		if (status >> 8 == STATUS_EXITING) {
			r->fz.set(r->fz.ctx, true, &e);
			/* Those that run have to come to the freezer. */
			usleep(GUARD_WAIT_US);
			ptrace(PTRACE_DETACH, tracer, 0, 0);
			_exit(0);
		}
		/* Its signals are its own business. */
		if (status >> 16 == PTRACE_EVENT_STOP)
			ptrace(WSTOPSIG(status) == SIGTRAP ? PTRACE_CONT : PTRACE_LISTEN, tracer, 0,
			       0);
		else if (!(status >> 16))
			sig = WSTOPSIG(status);
		if (status >> 16 != PTRACE_EVENT_STOP)
			ptrace(PTRACE_CONT, tracer, 0, sig);
	}
}

void guard_begin(struct remote *r)
{
	_cleanup_close_ int in = -EBADF, out = -EBADF;
	pid_t tracer = (pid_t)syscall(SYS_gettid);
	sigset_t chld;
	int fds[2];
	char c;

	if (r->guard || pipe2(fds, O_CLOEXEC))
		return;
	in = fds[0];
	out = fds[1];
	/* A traced process stops for every signal: those that tell of our tracees' stops wait. */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &chld, &r->guard_mask);
	r->guard = fork();
	if (!r->guard)
		guard_run(r, tracer, out);
	cleanup_close(&out);
	out = -EBADF;
	if (r->guard < 0 || read_all(in, &c, 1)) {
		/* We are being traced ourselves, or may not trace: go on without. */
		log_debug("no guard over our own death");
		guard_end(r);
	}
}

void guard_end(struct remote *r)
{
	if (!r->guard)
		return;
	if (r->guard > 0) {
		kill(r->guard, SIGKILL);
		while (waitpid(r->guard, NULL, 0) < 0 && errno == EINTR)
			;
	}
	r->guard = 0;
	pthread_sigmask(SIG_SETMASK, &r->guard_mask, NULL);
}
