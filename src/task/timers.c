// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POSIX timers (timer_create(2)), dump side: /proc/PID/timers tells what they
 * are, the task itself how much time they have left and what they overran. Time
 * left counts from the moment of the checkpoint (model.h), that of CPU clocks in
 * CPU time. Whether a timer of the wall clock was set to a date the kernel does
 * not tell: it is saved as relative.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/err.h"
#include "base/io.h"
#include "parasite/remote.h"
#include "task/task-internal.h"
#include "task/timers.h"

/* Of programs and answers, for one timer. */
#define ARENA_TIMER 512

bool timer_clock_parse(int clockid, struct timer_clock *ret)
{
	/* posix-timers_types.h: negative ids hold the pid's complement and three bits. */
	enum { THREAD = 4, KIND = 3, SCHED = 2 };

	*ret = (struct timer_clock){ .counts_by = CLK_MONO };
	if (clockid < 0) {
		ret->cpu = true;
		ret->thread = clockid & THREAD;
		ret->pid = ~(clockid >> 3);
		return (clockid & KIND) <= SCHED;
	}
	ret->counts_by = clockid == CLOCK_BOOTTIME || clockid == CLOCK_BOOTTIME_ALARM ? CLK_BOOT :
											CLK_MONO;
	ret->wall = clockid == CLOCK_REALTIME || clockid == CLOCK_REALTIME_ALARM ||
		    clockid == CLOCK_TAI;
	return ret->wall || ret->counts_by == CLK_BOOT || clockid == CLOCK_MONOTONIC;
}

/* Entries of four lines: "ID: 0", "signal: 14/00007ffc", "notify: signal/tid.12", "ClockID: 1". */
int timers_parse(struct pool *p, const char *text, struct posix_timers *ret)
{
	struct posix_timers ts = { 0 };
	const char *at = text;

	while (*at) {
		struct posix_timer t = { 0 };
		char notify[16], whose[8];
		int used = 0;

		if (sscanf(at,
			   "ID: %d\nsignal: %d/%lx\nnotify: %15[a-z]/%7[a-z].%d\nClockID: %d\n%n",
			   &t.id, &t.signo, &t.sival, notify, whose, &t.host, &t.clockid,
			   &used) != 7 ||
		    !used)
			return -EINVAL;
		t.notify = !strcmp(notify, "signal") ? SIGEV_SIGNAL :
			   !strcmp(notify, "none")   ? SIGEV_NONE :
						       SIGEV_THREAD;
		if (!strcmp(whose, "tid"))
			t.notify |= SIGEV_THREAD_ID;
		pool_push(p, ts.v, ts.n, t);
		at += used;
	}
	*ret = ts;
	return 0;
}

int timers_look(struct pool *p, pid_t pid, struct posix_timers *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/timers", pid);
	n = read_text_alloc(AT_FDCWD, path, &text);
	r = n < 0 ? (int)n : timers_parse(p, text, ret);
	if (r) {
		errno = -r;
		return err_sys(e, n < 0 ? "read" : "understand", "%s", path);
	}
	return 0;
}

static const struct thread *by_host(const struct task *t, pid_t host)
{
	for (size_t i = 0; i < t->n_threads; i++)
		if (t->threads[i].host == host)
			return &t->threads[i];
	return NULL;
}

static bool in_tree(const struct model *m, const struct task *t, const struct timer_clock *c)
{
	if (!c->pid)
		return true;
	for (size_t k = 0; c->thread && k < t->n_threads; k++)
		if (t->threads[k].tid == c->pid)
			return true;
	for (size_t i = 0; !c->thread && i < m->n_tasks; i++)
		if (m->tasks[i]->pid == c->pid)
			return true;
	return false;
}

bool timers_refused(const struct model *m, const struct task *t, const struct posix_timers *ts,
		    char *why, size_t size)
{
	for (size_t i = 0; i < ts->n; i++) {
		const struct posix_timer *pt = &ts->v[i];
		struct timer_clock c;

		if (!timer_clock_parse(pt->clockid, &c))
			snprintf(why, size,
				 "timer %d counts by clock %d, which cannot be had again", pt->id,
				 pt->clockid);
		else if (c.cpu && !in_tree(m, t, &c))
			snprintf(why, size,
				 "timer %d counts the CPU time of %s %d, which is not there",
				 pt->id, c.thread ? "thread" : "process", c.pid);
		else if (c.thread && !c.pid && t->n_threads > 1 && !(pt->notify & SIGEV_THREAD_ID))
			snprintf(why, size,
				 "nobody can tell which thread's CPU time timer %d counts", pt->id);
		else if (pt->notify & SIGEV_THREAD_ID && !by_host(t, pt->host))
			snprintf(why, size, "timer %d notifies a thread that has ended", pt->id);
		else
			continue;
		return true;
	}
	return false;
}

size_t task_inside_need(struct model *m)
{
	size_t most = 0;

	for (size_t i = 0; i < m->n_tasks; i++) {
		const struct inside *in = m->tasks[i]->n_threads ? m->tasks[i]->threads[0].priv :
								   NULL;

		if (in && in->timers.n > most)
			most = in->timers.n;
	}
	return most * ARENA_TIMER + task_keyrings_look(m);
}

void timers_calls(struct prog *p, struct posix_timers *ts)
{
	for (size_t i = 0; i < ts->n; i++) {
		struct posix_timer *t = &ts->v[i];
		struct timer_clock c;

		timer_clock_parse(t->clockid, &c);
		t->left = prog_alloc(p, sizeof(*t->left));
		t->now = prog_alloc(p, sizeof(*t->now));
		prog_call(p, "read a timer", SYS_timer_gettime, (uint64_t)t->id, (uint64_t)t->left);
		/* Afterwards: late by this moment rather than early. */
		prog_call(p, "read its clock", SYS_clock_gettime,
			  c.counts_by == CLK_BOOT ? CLOCK_BOOTTIME : CLOCK_MONOTONIC,
			  (uint64_t)t->now);
		t->overrun_call = prog_call(p, "read a timer's overrun", SYS_timer_getoverrun,
					    (uint64_t)t->id);
	}
}

void timers_results(struct pool *pool, const struct prog *p, struct posix_timers *ts)
{
	for (size_t i = 0; i < ts->n; i++) {
		struct posix_timer *t = &ts->v[i];

		t->left = pool_dup(pool, t->left, sizeof(*t->left));
		t->now = pool_dup(pool, t->now, sizeof(*t->now));
		t->overrun = (uint32_t)prog_res(p, t->overrun_call);
	}
}

/* What passed between the checkpoint's moment and the tree's own reading of its clock. */
uint64_t timer_passed(const struct model *m, int clk, const struct timespec *now)
{
	uint64_t ns = (uint64_t)now->tv_sec * NS_PER_S + (uint64_t)now->tv_nsec;

	return ns > m->clocks.tree[clk] ? ns - m->clocks.tree[clk] : 0;
}

static PosixTimerEntry *entry(struct model *m, const struct task *t, const struct posix_timer *pt)
{
	PosixTimerEntry *pe = pool_msg(m->pool, PosixTimerEntry, posix_timer_entry__init);
	uint64_t left = (uint64_t)pt->left->it_value.tv_sec * NS_PER_S +
			(uint64_t)pt->left->it_value.tv_nsec;
	struct timer_clock c;

	timer_clock_parse(pt->clockid, &c);
	if (left && !c.cpu)
		left += timer_passed(m, c.counts_by, pt->now);
	pe->it_id = (uint32_t)pt->id;
	pe->clock_id = (uint32_t)pt->clockid;
	pe->si_signo = (uint32_t)pt->signo;
	pe->it_sigev_notify = (uint32_t)pt->notify;
	pe->sival_ptr = pt->sival;
	pe->overrun = pt->overrun;
	pe->isec = (uint64_t)pt->left->it_interval.tv_sec;
	pe->insec = (uint64_t)pt->left->it_interval.tv_nsec;
	pe->vsec = left / NS_PER_S;
	pe->vnsec = left % NS_PER_S;
	if (pt->notify & SIGEV_THREAD_ID) {
		pe->has_notify_thread_id = 1;
		pe->notify_thread_id = by_host(t, pt->host)->tid;
	}
	return pe;
}

void timers_dump(struct model *m, const struct task *t, const struct posix_timers *ts,
		 TaskTimersEntry *ret)
{
	for (size_t i = 0; i < ts->n; i++)
		pool_push(m->pool, ret->posix, ret->n_posix, entry(m, t, &ts->v[i]));
}
