// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Helpers inside other namespaces: setns(2) with a pidfd (5.8) enters any set of
 * namespaces at once and in the right order.
 *
 * Runs in: the coordinator, and in helper processes it starts here.
 */
#include "base/nshelper.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/watchdog.h"

#define HELPER_STACK (256 * 1024)

struct helper {
	int pidfd;
	pid_t pid;
	int nses;
	ns_helper_fn fn;
	void *arg, *ret;
	struct err *e;
	int result;
	int done;
	int status; /* as wait(2) tells, when it is not done */
};

/* In another user namespace as its root, if it has one: new files need an owner with a number there. */
static int enter(const struct helper *h)
{
	if (!h->nses)
		return 0;
	if (setns(h->pidfd, h->nses))
		return err_sys(h->e, "setns", "namespaces of pid %d", h->pid);
	if (h->nses & CLONE_NEWUSER &&
	    ((setresgid(0, 0, 0) && errno != EINVAL) || (setresuid(0, 0, 0) && errno != EINVAL)))
		return err_sys(h->e, "become root", "user namespace of pid %d", h->pid);
	return 0;
}

static int helper_open(struct helper *h, struct err *e)
{
	if (!h->nses)
		return 0;
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (h->pidfd < 0)
		return err_sys(e, "pidfd_open", "pid %d", h->pid);
	return 0;
}

static void helper_close(struct helper *h)
{
	cleanup_close(&h->pidfd);
}

static int call_main(void *p)
{
	struct helper *h = p;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	h->result = enter(h);
	if (!h->result)
		h->result = h->fn(h->arg, h->ret, h->e);
	h->done = 1;
	/* Not exit(): the handlers and buffers are our starter's. */
	syscall(SYS_exit, 0);
	return 0;
}

/*
 * Signals stay blocked: a handler would run in the helper on shared memory, or
 * in a starter that stands still in the middle of a call.
 */
static int call_clone(struct helper *h, struct err *e)
{
	sigset_t all, old;
	pid_t pid;
	char *stack = mmap(NULL, HELPER_STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return err_sys(e, "mmap", "stack of a helper");
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = clone(call_main, stack + HELPER_STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES, h);
	if (pid < 0)
		err_sys(e, "clone", "a helper for the namespaces of pid %d", h->pid);
	else
		while (waitpid(pid, &h->status, __WALL) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	munmap(stack, HELPER_STACK);
	return pid < 0 ? -e->code : 0;
}

static int died(const struct helper *h, struct err *e)
{
	char obj[64];

	snprintf(obj, sizeof(obj), "namespaces of pid %d", h->pid);
	if (WIFSIGNALED(h->status))
		return err_set(e, ERR_SYSTEM, ECHILD, "work inside", obj,
			       "the helper there was killed by signal %d", WTERMSIG(h->status));
	return err_set(e, ERR_SYSTEM, ECHILD, "work inside", obj, "the helper there went away");
}

int ns_helper_call(pid_t pid, int nses, ns_helper_fn fn, void *arg, void *ret, struct err *e)
{
	_cleanup_(helper_close) struct helper h = {
		.pidfd = -EBADF,
		.pid = pid,
		.nses = nses,
		.fn = fn,
		.arg = arg,
		.ret = ret,
		.e = e,
	};
	int r = helper_open(&h, e);

	if (!r)
		r = call_clone(&h, e);
	if (r)
		return r;
	return h.done ? h.result : died(&h, e);
}

/* What a forked helper writes for us; @data follows. */
struct shared {
	int result, done;
	struct err e;
	max_align_t data[];
};

static void run_main(struct helper *h, struct shared *s, pid_t starter)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != starter)
		_exit(0);
	log_forked();
	h->e = &s->e;
	s->result = enter(h);
	if (!s->result)
		s->result = h->fn(h->arg, s->data, &s->e);
	s->done = 1;
	_exit(0);
}

/* The helper may take long: look now and then whether anybody still wants it. */
static int run_wait(struct helper *h, pid_t pid, struct err *e)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r = 0;

	while (pidfd >= 0 && poll(&p, 1, 100) <= 0) {
		/* That we wait is no sign of life: the helper gives its own. */
		if (!cancelled())
			continue;
		r = cancel_check(e);
		kill(pid, SIGKILL);
		break;
	}
	while (waitpid(pid, &h->status, __WALL) < 0 && errno == EINTR)
		;
	return r;
}

int ns_helper_run(pid_t pid, int nses, ns_helper_fn fn, void *arg, void *ret, size_t ret_size,
		  struct err *e)
{
	_cleanup_(helper_close) struct helper h = {
		.pidfd = -EBADF,
		.pid = pid,
		.nses = nses,
		.fn = fn,
		.arg = arg,
	};
	size_t size = sizeof(struct shared) + ret_size;
	pid_t starter = getpid(), child;
	struct shared *s;
	int r = helper_open(&h, e);

	if (r)
		return r;
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return err_sys(e, "mmap", "answer of a helper");
	child = fork();
	if (!child)
		run_main(&h, s, starter);
	if (child < 0) {
		r = err_sys(e, "fork", "a helper for the namespaces of pid %d", pid);
	} else {
		r = run_wait(&h, child, e);
		if (!r && !s->done) {
			r = died(&h, e);
		} else if (!r) {
			r = s->result;
			if (r)
				*e = s->e;
			else if (ret_size)
				memcpy(ret, s->data, ret_size);
		}
	}
	munmap(s, size);
	return r;
}

struct sock_args {
	int domain, type, protocol;
};

static int make_socket(void *arg, void *ret, struct err *e)
{
	const struct sock_args *a = arg;
	int fd = socket(a->domain, a->type | SOCK_CLOEXEC, a->protocol);

	if (fd < 0)
		return err_sys(e, "socket", "family %d, type %d, protocol %d", a->domain, a->type,
			       a->protocol);
	*(int *)ret = fd;
	return 0;
}

int ns_helper_socket(pid_t pid, int domain, int type, int protocol, int *ret_fd, struct err *e)
{
	struct sock_args a = { domain, type, protocol };
	int fd = -EBADF;
	int r = ns_helper_call(pid, CLONE_NEWNET, make_socket, &a, &fd, e);

	if (r)
		return err_in(e, "network namespace of pid %d", pid);
	*ret_fd = fd;
	return 0;
}
