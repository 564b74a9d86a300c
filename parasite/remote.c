// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The set of held tasks: making and ending it, waiting for ptrace stops,
 * running programs, letting go, killing.
 *
 * All ptrace requests come from the thread that made the set: a ptrace
 * relation belongs to the thread that seized.
 */
#include "parasite/remote-internal.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/proc.h"
#include "base/watchdog.h"

int remote_new(struct remote **ret, struct pool *pool, struct journal *j,
	       const struct remote_freeze *fz, struct err *e)
{
	struct remote *r = pool_alloc(pool, sizeof(*r));

	r->pool = pool;
	r->j = j;
	r->fz = *fz;
	r->frozen = true;
	r->xstate_len = 4096;
	*ret = r;
	return 0;
}

static size_t pid_hash(pid_t pid, size_t size)
{
	return (uint32_t)pid * 2654435761u & (size - 1);
}

static void index_put(struct remote *r, struct task_priv *t)
{
	size_t at = pid_hash(t->pub.pid, r->index_size);

	while (r->index[at])
		at = (at + 1) & (r->index_size - 1);
	r->index[at] = t;
}

struct task_priv *remote_task_add(struct remote *r, pid_t pid)
{
	struct task_priv *t = pool_alloc(r->pool, sizeof(*t));

	t->pub.pid = pid;
	pool_push(r->pool, r->tasks, r->n, t);
	if (2 * r->n > r->index_size) {
		r->index_size = r->index_size ? 2 * r->index_size : 64;
		r->index = pool_alloc(r->pool, r->index_size * sizeof(*r->index));
		for (size_t i = 0; i < r->n; i++)
			index_put(r, r->tasks[i]);
	} else {
		index_put(r, t);
	}
	return t;
}

struct remote_task *remote_task_get(struct remote *r, pid_t pid)
{
	if (!r->index_size)
		return NULL;
	for (size_t at = pid_hash(pid, r->index_size); r->index[at];
	     at = (at + 1) & (r->index_size - 1)) {
		if (r->index[at]->pub.pid == pid)
			return &r->index[at]->pub;
	}
	return NULL;
}

size_t remote_tasks(struct remote *r, struct remote_task ***ret)
{
	struct remote_task **v = pool_alloc(r->pool, (r->n + 1) * sizeof(*v));

	for (size_t i = 0; i < r->n; i++)
		v[i] = &r->tasks[i]->pub;
	*ret = v;
	return r->n;
}

int remote_frozen(struct remote *r, bool frozen, struct err *e)
{
	int ret;

	if (r->frozen == frozen)
		return 0;
	ret = r->fz.set(r->fz.ctx, frozen, e);
	if (!ret)
		r->frozen = frozen;
	return ret;
}

int thread_error(const struct task_priv *t, size_t i, const char *op, struct err *e)
{
	return err_sys(e, op, "thread %d of pid %d", t->pub.threads[i].tid, t->pub.pid);
}

void thread_gone(struct task_priv *t, size_t i, bool reaped)
{
	t->pub.threads[i].exited = true;
	t->tp[i].reaped = reaped;
	t->tp[i].stop = STOP_NONE;
	journal_done(t->tp[i].je);
}

/* A killed leader can't be waited for while other threads of its process, traced by us too, are not. */
static bool thread_is_dead(const struct task_priv *t, size_t i)
{
	struct proc_stat st;
	struct err e = { 0 };

	if (i || t->pub.n_threads == 1)
		return false;
	return proc_thread_stat_read(t->pub.pid, t->pub.threads[i].tid, &st, &e) ||
	       st.state == 'Z' || st.state == 'X';
}

static int ended_error(const struct task_priv *t, size_t i, struct err *e)
{
	return err_set(e, ERR_TARGET, ESRCH, "hold", "process",
		       "thread %d of pid %d ended meanwhile", t->pub.threads[i].tid, t->pub.pid);
}

static void sigchld_block(sigset_t *old)
{
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &chld, old);
}

/* With SIGCHLD blocked: sleep until some tracee stops or ends, at most a slice. */
static void sigchld_wait(void)
{
	static const struct timespec slice = { .tv_nsec = 20000000 };
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigtimedwait(&chld, NULL, &slice);
}

/*
 * SIGCHLD is blocked only here, so that nobody inherits a strange mask; what
 * came before is seen by looking once more.
 */
static int sleep_for_stop(pid_t tid, int *status)
{
	sigset_t old;
	int ret;

	sigchld_block(&old);
	ret = waitpid(tid, status, __WALL | WNOHANG);
	if (!ret)
		sigchld_wait();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/*
 * The wait is for one thread by its id, which the kernel finds at once; waiting
 * for "any" walks all tracees. Most stops have come when we look; then the
 * tracee gets the processor; then we sleep until SIGCHLD.
 */
#define LOOKS_BEFORE_SLEEP 30

int thread_wait(struct remote *r, struct task_priv *t, size_t i, uint64_t deadline_us,
		int *ret_status, struct err *e)
{
	pid_t tid = t->pub.threads[i].tid;

	for (int looks = 0;; looks++) {
		bool sleep = looks >= LOOKS_BEFORE_SLEEP;
		int status, ret = waitpid(tid, &status, __WALL | WNOHANG);

		if (!ret && sleep)
			ret = sleep_for_stop(tid, &status);
		if (ret > 0 && WIFSTOPPED(status)) {
			*ret_status = status;
			return 0;
		}
		if (ret > 0 || (ret < 0 && errno != EINTR)) {
			thread_gone(t, i, true);
			return ended_error(t, i, e);
		}
		if (!sleep) {
			sched_yield();
			continue;
		}
		if (thread_is_dead(t, i)) {
			thread_gone(t, i, false);
			return ended_error(t, i, e);
		}
		if (r->cancellable && (ret = cancel_check(e)))
			return ret;
		if (now_us() >= deadline_us)
			return err_set(e, ERR_TIMEOUT, ETIMEDOUT, "stop", "process",
				       "thread %d of pid %d did not stop in time", tid, t->pub.pid);
	}
}

static enum stop_kind stop_kind_of(int status, bool entry_next)
{
	if (status >> 16 == PTRACE_EVENT_STOP)
		return STOP_EVENT;
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		return entry_next ? STOP_ENTRY : STOP_EXIT;
	return STOP_NONE;
}

int thread_until(struct remote *r, struct task_priv *t, size_t i, enum stop_kind want,
		 uint64_t deadline_us, struct err *e)
{
	int request = want == STOP_EVENT ? PTRACE_CONT : PTRACE_SYSCALL;
	struct remote_thread *th = &t->pub.threads[i];

	for (;;) {
		enum stop_kind kind;
		int status, sig = 0, ret = thread_wait(r, t, i, deadline_us, &status, e);

		if (ret)
			return ret;
		kind = stop_kind_of(status, want == STOP_ENTRY);
		if (kind == STOP_EVENT) {
			th->group_stopped = WSTOPSIG(status) != SIGTRAP;
			th->stop_sig = th->group_stopped ? WSTOPSIG(status) : 0;
		}
		if (kind == want) {
			t->tp[i].stop = kind;
			return 0;
		}
		/*
		 * A signal that comes first is delivered as it would have been:
		 * the handler's frame is laid, or the process dies or stops, and
		 * the event stop that was asked for follows before any of its code.
		 */
		if (kind == STOP_NONE)
			sig = WSTOPSIG(status);
		/* Any stop takes a pending interrupt with it. */
		if (want == STOP_EVENT)
			ptrace(PTRACE_INTERRUPT, th->tid, 0, 0);
		if (ptrace(request, th->tid, 0, sig) && errno != ESRCH)
			return thread_error(t, i, "ptrace", e);
	}
}

int threads_to_event(struct remote *r, bool parked, uint64_t deadline_us, struct err *e)
{
	for_each_thread(r, t, i)
	{
		struct thread_priv *p = &t->tp[i];
		pid_t tid = t->pub.threads[i].tid;

		if (!p->seized || p->stop == STOP_EVENT || (parked && !p->parked))
			continue;
		if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) && errno != ESRCH)
			return thread_error(t, i, "ptrace", e);
		if (p->stop != STOP_NONE && ptrace(PTRACE_CONT, tid, 0, 0) && errno != ESRCH)
			return thread_error(t, i, "ptrace", e);
		p->stop = STOP_NONE;
	}
	for_each_thread(r, t, i)
	{
		int ret;

		if (!t->tp[i].seized || t->tp[i].stop == STOP_EVENT || (parked && !t->tp[i].parked))
			continue;
		ret = thread_until(r, t, i, STOP_EVENT, deadline_us, e);
		if (ret && ret != -ESRCH)
			return ret;
	}
	return 0;
}

/* A stop signal sent to a task that runs the parasite: it takes its effect on the process, not on the batch. */
int threads_attend(struct remote *r, struct err *e)
{
	for_each_thread(r, t, i)
	{
		pid_t tid = t->pub.threads[i].tid;
		int status, ret;

		if (!t->tp[i].parked || t->tp[i].stop != STOP_NONE)
			continue;
		ret = waitpid(tid, &status, __WALL | WNOHANG);
		if (!ret && !thread_is_dead(t, i))
			continue;
		if (ret <= 0 || !WIFSTOPPED(status)) {
			thread_gone(t, i, ret != 0);
			return ended_error(t, i, e);
		}
		if (status >> 16 == PTRACE_EVENT_STOP)
			ret = (int)ptrace(PTRACE_CONT, tid, 0, 0);
		else
			ret = (int)ptrace(PTRACE_CONT, tid, 0, WSTOPSIG(status));
		if (ret && errno != ESRCH)
			return thread_error(t, i, "ptrace", e);
	}
	return 0;
}

/*
 * Given up before all were stopped: stop them after all, so that calls which
 * the freeze interrupted are put right, and nobody is left running but traced.
 */
static void stop_rest(struct remote *r)
{
	struct err e = { 0 };

	if (!r->stopped && r->n && remote_settle(r, now_us() + STEP_US, &e))
		log_warn("going back: %s %s: %s", e.op, e.object, e.why);
}

/*
 * Those that were killed while we held them: their parents wait behind us. A
 * group's threads can be reaped in any order only: a leader comes after all
 * others, a pid namespace's init after all its processes. How many are left.
 */
static size_t reap_some(struct remote *r, bool dead_only)
{
	size_t left = 0;

	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		for (size_t i = 0; i < t->pub.n_threads; i++) {
			int status, ret;

			if (!t->tp[i].seized || t->tp[i].reaped ||
			    (dead_only && !t->pub.threads[i].exited))
				continue;
			ret = waitpid(t->pub.threads[i].tid, &status, __WALL | WNOHANG);
			if (ret > 0 && WIFSTOPPED(status))
				ptrace(PTRACE_CONT, t->pub.threads[i].tid, 0, 0);
			if ((ret > 0 && !WIFSTOPPED(status)) || (ret < 0 && errno == ECHILD))
				thread_gone(t, i, true);
			else
				left++;
		}
	}
	return left;
}

static int reap_all(struct remote *r, bool dead_only, uint64_t deadline_us, struct err *e)
{
	sigset_t old;
	size_t left;
	int ret = 0;

	sigchld_block(&old);
	while (!ret && (left = reap_some(r, dead_only))) {
		if (now_us() >= deadline_us)
			ret = err_set(e, ERR_TIMEOUT, ETIMEDOUT, "kill", "process tree",
				      "%zu threads are still not gone", left);
		else
			sigchld_wait();
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/* Let one thread go that was running or dying when its turn came. */
static void detach_late(struct remote *r, struct task_priv *t, size_t i)
{
	pid_t tid = t->pub.threads[i].tid;
	struct err e = { 0 };
	int status;

	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	if (thread_wait(r, t, i, now_us() + STEP_US, &status, &e))
		return;
	ptrace(PTRACE_DETACH, tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
	t->tp[i].seized = false;
}

int remote_detach(struct remote *r, struct err *e)
{
	size_t late = 0;
	int ret = 0;

	stop_rest(r);
	if (r->inside)
		ret = remote_leave(r, e);
	for_each_thread(r, t, i)
	{
		if (!t->tp[i].seized)
			continue;
		if (ptrace(PTRACE_DETACH, t->pub.threads[i].tid, 0, 0))
			late++;
		else
			t->tp[i].seized = false;
	}
	if (!late && !reap_some(r, true))
		return ret;
	/*
	 * What never stopped can be let go only from a stop, which the others'
	 * going on may bring; and a v1 freezer keeps even the killed.
	 */
	if (ret)
		remote_frozen(r, false, &(struct err){ 0 });
	else
		ret = remote_frozen(r, false, e);
	for_each_thread(r, t, i)
	{
		if (t->tp[i].seized)
			detach_late(r, t, i);
	}
	reap_all(r, true, now_us() + STEP_US, &(struct err){ 0 });
	return ret;
}

void remote_free(struct remote *r)
{
	struct err e = { 0 };

	if (!r)
		return;
	if (remote_detach(r, &e))
		log_warn("letting the tasks go: %s %s: %s", e.op, e.object, e.why);
}

int remote_kill(struct remote *r, uint64_t deadline_us, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		if (kill(r->tasks[i]->pub.pid, SIGKILL) && errno != ESRCH)
			return err_sys(e, "kill", "pid %d", r->tasks[i]->pub.pid);
	}
	/* A v1 freezer keeps even the killed. */
	if (!r->fz.stops_frozen) {
		int ret = remote_frozen(r, false, e);

		if (ret)
			return ret;
	}
	return reap_all(r, false, deadline_us, e);
}
