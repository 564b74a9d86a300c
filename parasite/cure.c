// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way out for somebody else: the tracer is dead, its journal is not.
 *
 * Every thread with an open record is home or parked (remote-internal.h), and
 * which of them need not be known: all are seized, stopped, parked once more,
 * their arena is unmapped if it is there, and they get their registers and
 * masks. A death in the middle leaves records and tasks such that it can be
 * done again.
 *
 * Runs in: the watchdog, or `stasis recover`.
 */
#include "parasite/remote-internal.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/proc.h"

#define CURE_US 10000000ull

static const struct cure_record *record_of(const struct journal_entry *je)
{
	const struct cure_record *c = (const void *)je->data;

	return je->len >= sizeof(*c) && c->size >= sizeof(*c) ? c : NULL;
}

/* 1 when it is alive and the same process, 0 when not. */
static int same_process(pid_t pid, uint64_t starttime)
{
	struct proc_stat st;
	struct err e = { 0 };

	if (proc_stat_read(pid, &st, &e))
		return 0;
	return (!starttime || st.starttime == starttime) && st.state != 'Z' && st.state != 'X';
}

static int add(struct remote *r, pid_t pid, uint64_t starttime, struct err *e)
{
	int ret;

	if (remote_task_get(r, pid) || !same_process(pid, starttime))
		return 0;
	ret = remote_add_task(r, pid, NULL, e);
	return ret == -ESRCH ? 0 : ret;
}

static int add_all(struct remote *r, struct journal_entry *const *entries, size_t n,
		   const pid_t *pids, size_t n_pids, struct err *e)
{
	int ret;

	for (size_t k = 0; k < n; k++) {
		const struct cure_record *c = record_of(entries[k]);

		ret = c && !entries[k]->done ? add(r, c->pid, c->starttime, e) : 0;
		if (ret)
			return ret;
	}
	for (size_t k = 0; k < n_pids; k++) {
		struct err other = { 0 };

		/* Nothing of ours is in these. */
		if (add(r, pids[k], 0, &other))
			log_warn("pid %d: %s, so a call of it may end with EINTR", pids[k],
				 other.why);
	}
	return 0;
}

static bool find_thread(struct remote *r, const struct cure_record *c, struct task_priv **ret_t,
			size_t *ret_i)
{
	struct task_priv *t = (struct task_priv *)remote_task_get(r, c->pid);

	if (!t || t->starttime != c->starttime)
		return false;
	for (size_t i = 0; i < t->pub.n_threads; i++) {
		if (t->pub.threads[i].tid == c->tid && t->tp[i].seized &&
		    !t->pub.threads[i].exited) {
			*ret_t = t;
			*ret_i = i;
			return true;
		}
	}
	return false;
}

/* What the records say becomes what the engine would know if it had parked the thread itself. */
static int take_record(struct remote *r, struct journal_entry *je, bool *arena, struct err *e)
{
	const struct cure_record *c = record_of(je);
	struct remote_thread *th;
	struct task_priv *t;
	size_t i;
	int ret;

	if (!c || je->done)
		return 0;
	if (!find_thread(r, c, &t, &i)) {
		journal_done(je);
		return 0;
	}
	if (!t->gadget) {
		t->gadget = c->gadget;
		t->spin = c->spin;
		t->spin_flags = c->spin_flags;
		t->arena_at = c->arena_at;
		t->arena_len = c->arena_len;
		t->driver = i;
		t->going_out = true;
		ret = arena_is_mapped(c->tid, c->arena_at, c->arena_len, e);
		if (ret < 0)
			return ret;
		t->arena_there = ret;
		*arena |= t->arena_there;
	}
	th = &t->pub.threads[i];
	th->regs = c->regs;
	th->sigmask = c->sigmask;
	t->tp[i].je = je;
	t->tp[i].parked = true;
	t->tp[i].sleep_ok = !(c->sleep_nr & CURE_NO_SLEEP);
	t->tp[i].sleep_nr = c->sleep_nr & ~CURE_NO_SLEEP;
	t->strict |= !t->tp[i].sleep_ok;
	return 0;
}

static int cure(struct remote *r, struct journal_entry *const *entries, size_t n, struct err *e)
{
	bool arena = false;
	int ret = 0;

	if (r->n)
		ret = remote_settle(r, now_us() + CURE_US, e);
	for (size_t k = 0; k < n && !ret; k++)
		ret = take_record(r, entries[k], &arena, e);
	if (!ret && arena) {
		ret = threads_park(r, e);
		for (size_t k = 0; k < r->n; k++) {
			if (r->tasks[k]->strict)
				guard_begin(r);
		}
		if (!ret)
			ret = remote_frozen(r, false, e);
		if (!ret)
			ret = leave_unmap(r, e);
	}
	if (!ret)
		ret = leave_home(r, e);
	guard_end(r);
	return ret;
}

int remote_cure(struct journal_entry *const *entries, size_t n, const pid_t *pids, size_t n_pids,
		const struct remote_freeze *fz, struct err *e)
{
	_cleanup_(pool_freep) struct pool *pool = pool_new();
	struct err other = { 0 };
	struct remote *r;
	int ret = remote_new(&r, pool, NULL, fz, e);

	if (ret)
		return ret;
	/* Best effort: a cgroup that has gone took its tasks along or they were moved; they can be held without. */
	r->frozen = false;
	if (remote_frozen(r, true, &other))
		log_warn("cannot freeze for the cure: %s", other.why);
	r->frozen = true;
	ret = add_all(r, entries, n, pids, n_pids, e);
	if (!ret)
		ret = cure(r, entries, n, e);
	if (remote_detach(r, &other) && !ret) {
		*e = other;
		ret = -e->code;
	}
	return ret ? err_in(e, "curing tasks") : 0;
}
