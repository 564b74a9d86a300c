// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking the parasite out again. All threads are stopped and parked outside
 * the arena, the drivers unmap it, and then, frozen, everybody gets registers
 * and mask back, in a stop in the kernel's signal path: there the kernel itself
 * sees to interrupted calls, so a nanosleep keeps its restart block and a
 * signal that came meanwhile meets the call that it would have met.
 *
 * The cure (cure.c) ends with the same two steps.
 */
#include "parasite/remote-internal.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"

/* The munmap of one driver that stands at the entry of its call. */
static int unmap_start(struct remote *r, struct task_priv *t, struct err *e)
{
	const uint64_t a[6] = { t->arena_at, t->arena_len };
	pid_t tid = t->pub.threads[t->driver].tid;
	int ret = driver_call(r, t, SYS_munmap, a, e);

	if (ret)
		return ret;
	/* Interrupted at the entry, it goes straight on from the call to its event stop. */
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) || ptrace(PTRACE_CONT, tid, 0, 0))
		return thread_error(t, t->driver, "ptrace", e);
	t->tp[t->driver].stop = STOP_NONE;
	return 0;
}

static int unmap_finish(struct remote *r, struct task_priv *t, struct err *e)
{
	struct user_regs_struct regs;
	int ret = thread_until(r, t, t->driver, STOP_EVENT, now_us() + STEP_US, e);

	if (ret)
		return ret;
	if (regs_get(t->pub.threads[t->driver].tid, &regs))
		return thread_error(t, t->driver, "ptrace", e);
	if (regs_result(&regs)) {
		errno = (int)-regs_result(&regs);
		return err_sys(e, "munmap", "arena of pid %d", t->pub.pid);
	}
	t->arena_there = false;
	return 0;
}

/* Each task for itself: one that fails does not keep the others from going home. */
static int unmap_inside(struct remote *r, struct err *e)
{
	bool any = false;
	int ret, first = 0;

	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		t->driven = t->arena_there && t->driver < t->pub.n_threads &&
			    thread_parked(t, t->driver);
		any |= t->driven;
	}
	if (!any)
		return 0;
	ret = driver_to_entry(r, e);
	if (ret)
		return ret;
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		ret = t->driven ? unmap_start(r, t, e) : 0;
		if (ret) {
			t->driven = false;
			first = first || ret == -ESRCH ? first : ret;
		}
	}
	for (size_t k = 0; k < r->n; k++) {
		ret = r->tasks[k]->driven ? unmap_finish(r, r->tasks[k], e) : 0;
		if (ret && ret != -ESRCH && !first)
			first = ret;
	}
	return first;
}

int leave_unmap(struct remote *r, struct err *e)
{
	int ret;

	ret = threads_park(r, e);
	for (size_t k = 0; k < r->n; k++) {
		struct task_priv *t = r->tasks[k];

		if (t->pub.arena.base)
			munmap(t->pub.arena.base, t->pub.arena.len);
		t->pub.arena = (struct arena){ 0 };
		for (size_t i = 0; i < t->pub.n_threads; i++)
			t->pub.threads[i].ring = NULL;
	}
	return ret ? ret : unmap_inside(r, e);
}

int leave_home(struct remote *r, struct err *e)
{
	int ret = remote_frozen(r, true, e);

	if (ret)
		return ret;
	for_each_thread(r, t, i)
	{
		const struct remote_thread *th = &t->pub.threads[i];

		/* What could not be brought here stays parked: its record stays, too. */
		if (!t->tp[i].parked || t->tp[i].stop != STOP_EVENT || t->arena_there)
			continue;
		if ((regs_set(th->tid, &th->regs) ||
		     ptrace(PTRACE_SETSIGMASK, th->tid, sizeof(th->sigmask), &th->sigmask)) &&
		    errno != ESRCH)
			return thread_error(t, i, "ptrace", e);
	}
	for_each_thread(r, t, i)
	{
		if (!t->tp[i].parked || t->tp[i].stop != STOP_EVENT || t->arena_there)
			continue;
		t->tp[i].parked = false;
		journal_done(t->tp[i].je);
	}
	return 0;
}

int remote_leave(struct remote *r, struct err *e)
{
	struct err other = { 0 };
	int ret = 0, last;

	if (!r->inside)
		return 0;
	r->inside = false;
	for (size_t k = 0; k < r->n; k++)
		r->tasks[k]->going_out = true;
	for_each_thread(r, t, i) prog_free(&t->pub.threads[i].prog);
	/* An entering that failed early may have left some at home: while frozen they are parked first. */
	if (r->frozen)
		ret = threads_park(r, e);
	if (!ret)
		ret = remote_frozen(r, false, e);
	if (!ret)
		ret = threads_to_event(r, true, now_us() + STEP_US, e);
	if (!ret)
		ret = leave_unmap(r, e);
	last = leave_home(r, ret ? &other : e);
	guard_end(r);
	if (!ret)
		ret = last;
	return ret ? err_in(e, "taking the parasite out") : 0;
}
