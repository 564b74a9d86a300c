// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Seizing all threads of the frozen tasks, stopping them, and reading what
 * only ptrace can read. No signal is sent and nothing shows to parents.
 *
 * The stops: with cgroup v2 they happen inside the freeze. A v1 freezer holds
 * a task wherever it is, so all are seized and interrupted first, then the
 * cgroup is thawed; each then runs into its stop before any code of its own.
 */
#include "parasite/remote-internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/abi.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/proc.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

static void wchan_of(pid_t tid, char *buf, size_t size)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/wchan", tid);
	if (read_text_at(AT_FDCWD, path, buf, size) < 0)
		buf[0] = '\0';
}

/* Why the kernel said EPERM: somebody else traces it, it is dead, or we may not. */
static int seize_refused(struct task_priv *t, size_t i, struct err *e)
{
	struct remote_thread *th = &t->pub.threads[i];
	struct proc_status s;
	int ret = proc_status_read(t->pub.pid, th->tid, &s, e);
	pid_t tracer;
	char state;

	if (ret)
		return ret;
	tracer = s.tracer;
	state = s.state;
	proc_status_free(&s);
	if (state == 'Z' || state == 'X') {
		th->exited = true;
		return 0;
	}
	if (tracer) {
		err_set(e, ERR_UNSUPPORTED, EBUSY, "seize", "process",
			"thread %d of pid %d is traced by pid %d", th->tid, t->pub.pid, tracer);
		return err_hint(e, "end the debugger or tracer (pid %d) first", tracer);
	}
	errno = EPERM;
	err_sys(e, "seize", "thread %d of pid %d", th->tid, t->pub.pid);
	return err_hint(
		e, "this needs CAP_SYS_PTRACE over the task; with CAP_SYS_PTRACE in place, look at "
		   "kernel.yama.ptrace_scope");
}

static int thread_seize(struct remote *r, struct task_priv *t, size_t i, struct err *e)
{
	pid_t tid = t->pub.threads[i].tid;
	unsigned long opt = PTRACE_O_TRACESYSGOOD;
	int ret;

	if (!r->no_suspend) {
		if (!ptrace(PTRACE_SEIZE, tid, 0, opt | PTRACE_O_SUSPEND_SECCOMP))
			goto seized;
		if (errno != EPERM)
			goto failed;
	}
	if (!ptrace(PTRACE_SEIZE, tid, 0, opt)) {
		r->no_suspend = true;
		goto seized;
	}
failed:
	if (errno == ESRCH) {
		t->pub.threads[i].exited = true;
		return 0;
	}
	if (errno != EPERM)
		return thread_error(t, i, "seize", e);
	ret = seize_refused(t, i, e);
	if (ret == -ESRCH) {
		t->pub.threads[i].exited = true;
		return 0;
	}
	return ret;
seized:
	t->tp[i].seized = true;
	return 0;
}

static bool has_thread(const struct task_priv *t, pid_t tid)
{
	for (size_t i = 0; i < t->pub.n_threads; i++) {
		if (t->pub.threads[i].tid == tid)
			return true;
	}
	return false;
}

/* Threads not known yet are added; the first listed is the leader. */
static int threads_look(struct remote *r, struct task_priv *t, size_t *ret_new, struct err *e)
{
	_cleanup_free_ int *tids = NULL;
	size_t n, known = t->pub.n_threads, added = 0;
	struct remote_thread *threads;
	struct thread_priv *tp;
	int ret = proc_list(t->pub.pid, "task", &tids, &n, e);

	if (ret)
		return ret;
	threads = pool_alloc(r->pool, (known + n + 1) * sizeof(*threads));
	tp = pool_alloc(r->pool, (known + n + 1) * sizeof(*tp));
	if (known) {
		memcpy(threads, t->pub.threads, known * sizeof(*threads));
		memcpy(tp, t->tp, known * sizeof(*tp));
	} else {
		threads[added++].tid = t->pub.pid;
	}
	for (size_t k = 0; k < n; k++) {
		if (tids[k] != t->pub.pid && (!known || !has_thread(t, tids[k])))
			threads[known + added++].tid = tids[k];
	}
	*ret_new = added;
	if (!added)
		return 0;
	for (size_t i = known; i < known + added; i++)
		threads[i].task = &t->pub;
	t->pub.threads = threads;
	t->pub.n_threads = known + added;
	t->tp = tp;
	return 0;
}

static int task_seize(struct remote *r, struct task_priv *t, size_t from, struct err *e)
{
	for (size_t i = from; i < t->pub.n_threads; i++) {
		int ret = thread_seize(r, t, i, e);

		if (ret)
			return ret;
	}
	return 0;
}

int remote_add_task(struct remote *r, pid_t pid, struct remote_task **ret_task, struct err *e)
{
	struct proc_stat st;
	struct task_priv *t;
	char wchan[64];
	size_t n;
	int ret = proc_stat_read(pid, &st, e);

	if (ret)
		return ret;
	t = remote_task_add(r, pid);
	t->starttime = st.starttime;
	ret = threads_look(r, t, &n, e);
	if (ret)
		return ret;
	if (!r->fz.stops_frozen) {
		/* A group stop is the whole process's: one living thread tells. */
		wchan_of(t->pub.threads[t->pub.n_threads - 1].tid, wchan, sizeof(wchan));
		t->deferred = !strcmp(wchan, "do_signal_stop");
	}
	if (!t->deferred) {
		ret = task_seize(r, t, 0, e);
		if (ret)
			return ret;
	}
	if (ret_task)
		*ret_task = &t->pub;
	return 0;
}

/* What only ptrace tells. Registers are put right at once: nothing else may see them half-way. */
static int thread_capture(struct remote *r, struct task_priv *t, size_t i, struct err *e)
{
	struct remote_thread *th = &t->pub.threads[i];
	struct __ptrace_rseq_configuration rseq = { 0 };
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, th->tid, sizeof(rseq), &rseq) > 0)
		th->rseq = (struct remote_rseq){ rseq.rseq_abi_pointer, rseq.rseq_abi_size,
						 rseq.signature };
	if (regs_get(th->tid, &th->regs))
		return thread_error(t, i, "ptrace", e);
	regs = th->regs;
	if (regs_settle(th->tid, &regs, &th->rseq)) {
		if (regs_set(th->tid, &regs))
			return thread_error(t, i, "ptrace", e);
		th->regs = regs;
	}
	th->compat = regs_are_compat(&th->regs);
	if (ptrace(PTRACE_GETSIGMASK, th->tid, sizeof(th->sigmask), &th->sigmask))
		return thread_error(t, i, "ptrace", e);
	return 0;
}

/* Not needed by anybody who only lets go: read once all are safely stopped. */
static int thread_capture_rest(struct remote *r, struct task_priv *t, size_t i, struct err *e)
{
	struct remote_thread *th = &t->pub.threads[i];
	unsigned char buf[16384];
	struct iovec v = { buf, r->xstate_len };
	void *list = NULL;
	size_t len = 0;

	for (;;) {
		if (ptrace(PTRACE_GETREGSET, th->tid, NT_X86_XSTATE, &v))
			return thread_error(t, i, "ptrace", e);
		if (v.iov_len < r->xstate_len || r->xstate_len == sizeof(buf))
			break;
		r->xstate_len = sizeof(buf);
		v.iov_len = sizeof(buf);
	}
	th->xstate_len = v.iov_len;
	th->xstate = pool_dup(r->pool, buf, v.iov_len);
	if (syscall(SYS_get_robust_list, th->tid, &list, &len))
		return thread_error(t, i, "get_robust_list", e);
	th->robust_list = (uint64_t)list;
	th->robust_len = len;
	return 0;
}

/* A thread killed while we look at it is none of ours any more. */
static int unless_gone(struct task_priv *t, size_t i, int ret, struct err *e)
{
	if (ret != -ESRCH)
		return ret;
	err_clear(e);
	if (!t->pub.threads[i].exited)
		thread_gone(t, i, false);
	return 0;
}

/* How long we let a vfork pass for an ordinary delay. */
#define VFORK_LOOK_US 50000

/*
 * A parent in vfork(2) stops only when its child execs or exits, which it can't
 * while we hold it: the caller has to let all go and try again.
 */
static int explain_late(struct task_priv *t, size_t i, int ret, bool last, struct err *e)
{
	pid_t tid = t->pub.threads[i].tid;
	char wchan[64];

	wchan_of(tid, wchan, sizeof(wchan));
	if (!strcmp(wchan, "kernel_clone")) {
		err_set(e, ERR_TIMEOUT, EAGAIN, "stop", "process",
			"thread %d of pid %d waits in vfork for its child to exec or exit", tid,
			t->pub.pid);
		return err_hint(e, "try again, or with a longer --timeout");
	}
	if (last && wchan[0] && wchan[0] != '0')
		return err_hint(e, "it is in the kernel, in %s, and cannot be interrupted there",
				wchan);
	return ret;
}

static int thread_collect(struct remote *r, struct task_priv *t, size_t i, uint64_t deadline_us,
			  struct err *e)
{
	uint64_t soon = now_us() + VFORK_LOOK_US;
	int ret;

	if (soon < deadline_us) {
		ret = thread_until(r, t, i, STOP_EVENT, soon, e);
		if (ret == -ETIMEDOUT) {
			if (explain_late(t, i, ret, false, e) == -EAGAIN)
				return -EAGAIN;
			err_clear(e);
			ret = thread_until(r, t, i, STOP_EVENT, deadline_us, e);
		}
	} else {
		ret = thread_until(r, t, i, STOP_EVENT, deadline_us, e);
	}
	if (ret == -ETIMEDOUT)
		return explain_late(t, i, ret, true, e);
	if (!ret)
		ret = thread_capture(r, t, i, e);
	return unless_gone(t, i, ret, e);
}

static int interrupt_from(struct task_priv *t, size_t from, struct err *e)
{
	for (size_t i = from; i < t->pub.n_threads; i++) {
		if (t->tp[i].seized && ptrace(PTRACE_INTERRUPT, t->pub.threads[i].tid, 0, 0) &&
		    errno != ESRCH)
			return thread_error(t, i, "ptrace", e);
	}
	return 0;
}

/*
 * Seizing a group-stopped thread waits for it to turn its stop into a ptrace
 * stop, which it does not do under a v1 freezer. So another thread of ours
 * thaws while we wait. It need not come at an exact moment: whatever was
 * seized before is interrupted already, and the rest is stopped.
 */
struct thawer {
	pthread_t thread;
	struct remote *r;
	int ret;
	struct err e;
};

static void *thawer_run(void *arg)
{
	struct thawer *th = arg;

	usleep(1000);
	th->ret = th->r->fz.set(th->r->fz.ctx, false, &th->e);
	return NULL;
}

static int seize_deferred(struct remote *r, struct err *e)
{
	struct thawer th = { .r = r };
	bool any = false;
	int ret = 0;

	for (size_t k = 0; k < r->n; k++)
		any |= r->tasks[k]->deferred;
	if (!any)
		return 0;
	errno = pthread_create(&th.thread, NULL, thawer_run, &th);
	if (errno)
		return err_sys(e, "pthread_create", "thread that thaws");
	for (size_t k = 0; k < r->n && !ret; k++) {
		if (!r->tasks[k]->deferred)
			continue;
		ret = task_seize(r, r->tasks[k], 0, e);
		if (!ret)
			ret = interrupt_from(r->tasks[k], 0, e);
		r->tasks[k]->deferred = false;
	}
	pthread_join(th.thread, NULL);
	if (th.ret) {
		*e = th.e;
		return th.ret;
	}
	r->frozen = false;
	return ret;
}

/* The cheap look: a process's task directory has one link for each thread. */
static bool threads_agree(const struct task_priv *t)
{
	char path[40];
	struct stat st;
	size_t live = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", t->pub.pid);
	if (stat(path, &st))
		return true;
	for (size_t i = 0; i < t->pub.n_threads; i++)
		live += !t->tp[i].reaped;
	return st.st_nlink == 2 + live;
}

static int stop_newcomers(struct remote *r, struct task_priv *t, uint64_t deadline_us,
			  struct err *e)
{
	while (!threads_agree(t)) {
		size_t known = t->pub.n_threads, n = 0;
		int ret = threads_look(r, t, &n, e);

		if (!ret)
			ret = task_seize(r, t, known, e);
		if (!ret)
			ret = interrupt_from(t, known, e);
		for (size_t i = known; !ret && i < t->pub.n_threads; i++) {
			if (t->tp[i].seized)
				ret = thread_collect(r, t, i, deadline_us, e);
		}
		if (ret)
			return ret;
		/* Fewer than before: some ended without being ours to reap. */
		if (!n)
			break;
	}
	return 0;
}

/*
 * Under a v1 freezer there is a moment in which our death would show: a call
 * that the freeze made end with -EINTR (eintr_call()) can be put right only in
 * the stop, so only thawed, and if nobody does it the task goes on with it. So
 * the threads concerned are found while frozen; if there are any, a guard
 * (guard.c) freezes them again should we be killed, and after the thaw nothing
 * else is done until each is put right the instant it stops, in case we have no
 * guard. Cgroup v2 has no such moment.
 */
struct sweep {
	pid_t *tids;
	size_t n;
};

/* The beginning of a file, which may be longer. */
static bool read_head(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

static void sweep_find(struct remote *r, struct sweep *s)
{
	char path[40], text[16];

	for_each_thread(r, t, i)
	{
		if (!t->tp[i].seized || t->tp[i].stop == STOP_EVENT)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/syscall", t->pub.threads[i].tid);
		if (read_head(path, text, sizeof(text)) && eintr_call(atoi(text)))
			pool_push(r->pool, s->tids, s->n, t->pub.threads[i].tid);
	}
}

/* How long we keep the processor to ourselves, and how long we keep looking. */
#define SWEEP_HOT_US 100
#define SWEEP_US 3000

static void sweep_run(struct sweep *s)
{
	uint64_t start = now_us(), now = start;

	while (s->n && now - start < SWEEP_US) {
		for (size_t k = 0; k < s->n;) {
			if (regs_settle_fast(s->tids[k]))
				s->tids[k] = s->tids[--s->n];
			else
				k++;
		}
		now = now_us();
		if (now - start > SWEEP_HOT_US)
			sched_yield();
	}
}

static int stop_all(struct remote *r, uint64_t deadline_us, struct err *e)
{
	struct sweep sweep = { 0 };
	int ret = 0;

	for (size_t k = 0; k < r->n && !ret; k++) {
		if (!r->tasks[k]->deferred)
			ret = interrupt_from(r->tasks[k], 0, e);
	}
	if (!ret)
		ret = seize_deferred(r, e);
	if (!ret && !r->fz.stops_frozen) {
		sweep_find(r, &sweep);
		if (sweep.n)
			guard_begin(r);
		ret = remote_frozen(r, false, e);
		sweep_run(&sweep);
	}
	if (ret)
		return ret;
	for_each_thread(r, t, i)
	{
		if (!t->tp[i].seized || t->tp[i].stop == STOP_EVENT)
			continue;
		ret = thread_collect(r, t, i, deadline_us, e);
		if (ret)
			return ret;
	}
	for (size_t k = 0; k < r->n; k++) {
		ret = stop_newcomers(r, r->tasks[k], deadline_us, e);
		if (ret)
			return ret;
	}
	return 0;
}

int remote_settle(struct remote *r, uint64_t deadline_us, struct err *e)
{
	int ret = stop_all(r, deadline_us, e);

	guard_end(r);
	/* Stopped tasks freeze where they are. From here on a death of ours leaves them lying. */
	if (!ret)
		ret = remote_frozen(r, true, e);
	r->stopped = !ret;
	return ret;
}

int remote_stop(struct remote *r, uint64_t deadline_us, struct err *e)
{
	int ret;

	r->cancellable = true;
	ret = remote_settle(r, deadline_us, e);
	r->cancellable = false;
	if (ret)
		return ret;
	for_each_thread(r, t, i)
	{
		ret = unless_gone(t, i, thread_capture_rest(r, t, i, e), e);
		if (ret)
			return ret;
	}
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		for (t->driver = 0; t->driver < t->pub.n_threads; t->driver++) {
			if (!t->pub.threads[t->driver].exited)
				break;
		}
		if (t->driver == t->pub.n_threads)
			return err_set(e, ERR_TARGET, ESRCH, "stop", "process",
				       "pid %d ended meanwhile", t->pub.pid);
	}
	return 0;
}
