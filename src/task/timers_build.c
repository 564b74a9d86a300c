// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POSIX timers, restore side. They are made with their old ids in the build,
 * and started in the last words, when the time that is left is known.
 *
 * A timer whose signal was pending fires again by itself, so that the signal is
 * the timer's own: the kernel starts the next interval, and counts what was
 * overrun, when it is taken. Likewise an overrun that was already reported comes
 * back by letting the timer fire in the past and taking the signal.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/abi.h"
#include "base/err.h"
#include "base/probe.h"
#include "parasite/stub.h"
#include "task/restore.h"
#include "task/task-internal.h"

/* Without PR_TIMER_CREATE_RESTORE_IDS ids are counted up to: no further than this. */
#define COUNT_MAX 16384
#define ARENA_TIMER 1536
#define ARENA_COUNT 192
#define SECONDS_MAX (INT64_MAX / NS_PER_S / 2)
/* What is due this soon is left to the running tree. */
#define SOON_NS 200000000ull
/* Firing is an interrupt's work: it has happened after this. */
#define FIRE_NS 200000

static uint64_t interval_of(const PosixTimerEntry *pe)
{
	return pe->isec * NS_PER_S + pe->insec;
}

static uint64_t left_of(const PosixTimerEntry *pe)
{
	return pe->vsec * NS_PER_S + pe->vnsec;
}

static const TaskTimersEntry *timers_of(const struct task *t)
{
	return t->threads[0].core->tc->timers;
}

static size_t n_timers(const struct task *t)
{
	return timers_of(t) ? timers_of(t)->n_posix : 0;
}

/* The thread that a timer signals, or -1: the process. */
static int notified(const struct task *t, const PosixTimerEntry *pe)
{
	if (!(pe->it_sigev_notify & SIGEV_THREAD_ID))
		return -1;
	for (size_t k = 0; k < t->n_threads; k++)
		if (t->threads[k].tid == (pe->has_notify_thread_id ? pe->notify_thread_id : t->pid))
			return (int)k;
	return -1;
}

/* CPU time of "the thread that made it": other threads' timers are made by themselves. */
static size_t maker_of(const struct task *t, const PosixTimerEntry *pe)
{
	struct timer_clock c;
	int k = notified(t, pe);

	timer_clock_parse((int)pe->clock_id, &c);
	return c.thread && !c.pid && k > 0 ? (size_t)k : 0;
}

const char *timers_bad(const struct task *t)
{
	const TaskTimersEntry *tt = timers_of(t);

	for (size_t i = 0; i < n_timers(t); i++) {
		const PosixTimerEntry *pe = tt->posix[i];
		struct timer_clock c;

		if (pe->it_id > INT32_MAX)
			return "a timer's id is out of range";
		for (size_t k = 0; k < i; k++)
			if (tt->posix[k]->it_id == pe->it_id)
				return "two timers have one id";
		if (!timer_clock_parse((int)pe->clock_id, &c))
			return "a timer counts by an unknown clock";
		if (pe->it_sigev_notify > SIGEV_THREAD && pe->it_sigev_notify != SIGEV_THREAD_ID)
			return "a timer notifies in an unknown way";
		if (pe->it_sigev_notify != SIGEV_NONE &&
		    (pe->si_signo < 1 || pe->si_signo > N_SIGNALS))
			return "a timer sends an unknown signal";
		if (pe->it_sigev_notify & SIGEV_THREAD_ID && notified(t, pe) < 0)
			return "a timer notifies a thread that is not there";
		if (pe->vsec > SECONDS_MAX || pe->isec > SECONDS_MAX || pe->vnsec >= NS_PER_S ||
		    pe->insec >= NS_PER_S)
			return "a timer's time is out of range";
	}
	return NULL;
}

static uint32_t highest_id(const struct task *t)
{
	uint32_t id = 0;

	for (size_t i = 0; i < n_timers(t); i++)
		if (timers_of(t)->posix[i]->it_id > id)
			id = timers_of(t)->posix[i]->it_id;
	return id;
}

size_t timers_arena_need(const struct task *t)
{
	size_t need = n_timers(t) * ARENA_TIMER;

	if (n_timers(t) && !probe_ok("timer_ids") && highest_id(t) < COUNT_MAX)
		need += (size_t)highest_id(t) * ARENA_COUNT;
	return need;
}

static void create_call(struct prog *p, const PosixTimerEntry *pe)
{
	struct sigevent se = { .sigev_notify = (int)pe->it_sigev_notify,
			       .sigev_signo = (int)pe->si_signo,
			       .sigev_value.sival_ptr = (void *)pe->sival_ptr };
	int id = (int)pe->it_id;

	if (pe->it_sigev_notify & SIGEV_THREAD_ID)
		se._sigev_un._tid = pe->notify_thread_id;
	prog_call(p, "make a timer", SYS_timer_create, (uint64_t)(int64_t)(int)pe->clock_id,
		  (uint64_t)prog_dup(p, &se, sizeof(se)), (uint64_t)prog_dup(p, &id, sizeof(id)));
}

/* The one with the lowest id from @id on; there is one. */
static const PosixTimerEntry *next_id(const TaskTimersEntry *tt, uint32_t id)
{
	const PosixTimerEntry *found = tt->posix[0];

	for (size_t i = 0; i < tt->n_posix; i++) {
		const PosixTimerEntry *pe = tt->posix[i];

		if (pe->it_id >= id && (found->it_id < id || pe->it_id < found->it_id))
			found = pe;
	}
	return found;
}

/* The kernel counts a process's timers from 0 on: whatever lies between is made and deleted. */
static int count_up(struct task *t, struct prog *p, struct err *e)
{
	const TaskTimersEntry *tt = timers_of(t);
	struct sigevent *none = prog_alloc(p, sizeof(*none));
	int *id = prog_alloc(p, sizeof(*id));
	uint32_t next = 0;

	none->sigev_notify = SIGEV_NONE;
	for (size_t done = 0; done < tt->n_posix; done++, next++) {
		const PosixTimerEntry *pe = next_id(tt, next);

		if (pe->it_id >= COUNT_MAX || maker_of(t, pe)) {
			err_set(e, ERR_UNSUPPORTED, ENOTSUP, "restore a timer", "",
				"pid %d: timer %u cannot be made with this id", t->pid, pe->it_id);
			return err_hint(e, "%s", probe_find("timer_ids")->hint);
		}
		for (; next < pe->it_id; next++) {
			prog_call(p, "pass over a timer's id", SYS_timer_create, CLOCK_MONOTONIC,
				  (uint64_t)none, (uint64_t)id);
			prog_call(p, "delete that timer", SYS_timer_delete, next);
		}
		create_call(p, pe);
	}
	return 0;
}

void timers_prepare(struct prog *p, const struct task *t)
{
	if (n_timers(t) && probe_ok("timer_ids"))
		prog_call(p, "let timers choose their ids", SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS,
			  PR_TIMER_CREATE_RESTORE_IDS_ON);
}

int timers_make(struct prog *p, struct task *t, struct err *e)
{
	const TaskTimersEntry *tt = timers_of(t);

	if (!n_timers(t))
		return 0;
	if (!probe_ok("timer_ids"))
		return count_up(t, p, e);
	for (size_t i = 0; i < tt->n_posix; i++) {
		size_t k = maker_of(t, tt->posix[i]);

		create_call(k ? &t->stub->threads[k].build : p, tt->posix[i]);
	}
	return 0;
}

static void set_call(struct prog *p, const PosixTimerEntry *pe, int flags, uint64_t value)
{
	struct itimerspec its = {
		.it_interval = { (time_t)pe->isec, (long)pe->insec },
		.it_value = { (time_t)(value / NS_PER_S), (long)(value % NS_PER_S) },
	};

	prog_call(p, "set a timer", SYS_timer_settime, pe->it_id, (uint64_t)flags,
		  (uint64_t)prog_dup(p, &its, sizeof(its)), 0);
}

static uint64_t wall_now(int clockid)
{
	struct timespec t;

	clock_gettime(clockid == CLOCK_TAI ? CLOCK_TAI : CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* When it expires next, by the clock it was made with. */
static uint64_t expires_at(const struct model *m, const PosixTimerEntry *pe,
			   const struct timer_clock *c)
{
	const struct clocks *k = &m->clocks;

	if (c->wall)
		return wall_now((int)pe->clock_id) - model_clock_passed(m, c->counts_by) +
		       left_of(pe);
	return (k->go_on ? k->tree : k->ours)[c->counts_by] + left_of(pe);
}

/* As it goes on; a timer of the wall clock is not to follow it. */
static void start(const struct model *m, struct prog *p, const PosixTimerEntry *pe)
{
	uint64_t left = left_of(pe), passed;
	struct timer_clock c;

	timer_clock_parse((int)pe->clock_id, &c);
	passed = model_clock_passed(m, c.counts_by);
	if (!left || c.cpu)
		set_call(p, pe, 0, left);
	else if (c.wall)
		set_call(p, pe, 0, left > passed ? left - passed : 1);
	else
		set_call(p, pe, TIMER_ABSTIME, expires_at(m, pe, &c));
}

static void fire_calls(struct prog *p, const PosixTimerEntry *pe, uint64_t at)
{
	struct timespec ts = { 0, FIRE_NS };

	set_call(p, pe, TIMER_ABSTIME, at ? at : 1);
	prog_call(p, "let it fire", SYS_nanosleep, (uint64_t)prog_dup(p, &ts, sizeof(ts)), 0);
}

/*
 * Fire so long ago that taking the signal counts the overrun that was reported,
 * and the next interval ends when it must. Not for what is due meanwhile: its
 * signal would be taken, too.
 */
static bool overrun(const struct model *m, struct prog *p, const PosixTimerEntry *pe)
{
	uint64_t at, back, passed, interval = interval_of(pe), left = left_of(pe);
	struct timespec ts = { 1, 0 };
	struct timer_clock c;
	uint64_t set = 1ull << (pe->si_signo - 1);

	timer_clock_parse((int)pe->clock_id, &c);
	passed = model_clock_passed(m, c.counts_by);
	if (!pe->overrun || !interval || c.cpu || pe->it_sigev_notify == SIGEV_NONE ||
	    left < passed + SOON_NS)
		return false;
	at = expires_at(m, pe, &c);
	if (__builtin_mul_overflow(interval, pe->overrun + 1ull, &back) || back >= at)
		return false;
	fire_calls(p, pe, at - back);
	prog_call(p, "take the signal that overran", SYS_rt_sigtimedwait,
		  (uint64_t)prog_dup(p, &set, sizeof(set)), 0,
		  (uint64_t)prog_dup(p, &ts, sizeof(ts)), 8);
	return true;
}

static const PosixTimerEntry *timer_of_signal(const struct task *t, const siginfo_t *si)
{
	for (size_t i = 0; si->si_code == SI_TIMER && i < n_timers(t); i++) {
		const PosixTimerEntry *pe = timers_of(t)->posix[i];

		if ((int)pe->it_id == si->si_timerid && (int)pe->si_signo == si->si_signo &&
		    pe->it_sigev_notify != SIGEV_NONE)
			return pe;
	}
	return NULL;
}

static bool pending_in(const struct task *t, const SignalQueueEntry *q, const PosixTimerEntry *pe)
{
	for (size_t i = 0; q && i < q->n_signals; i++) {
		siginfo_t si;

		memcpy(&si, q->signals[i]->siginfo.data, sizeof(si));
		if (timer_of_signal(t, &si) == pe)
			return true;
	}
	return false;
}

static bool is_pending(const struct task *t, const PosixTimerEntry *pe)
{
	int k = notified(t, pe);
	const CoreEntry *core = t->threads[k < 0 ? 0 : k].core;

	if (k < 0)
		return pending_in(t, core->tc->signals_s, pe);
	return core->thread_core && pending_in(t, core->thread_core->signals_p, pe);
}

void timers_arm(const struct model *m, struct prog *p, const struct task *t, size_t k)
{
	if (!k && n_timers(t) && probe_ok("timer_ids"))
		prog_call(p, "let the kernel choose timers' ids", SYS_prctl,
			  PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_OFF);
	for (size_t i = 0; i < n_timers(t); i++) {
		const PosixTimerEntry *pe = timers_of(t)->posix[i];
		int by = notified(t, pe);

		/* Its signal is taken by whom it is sent to. */
		if ((by < 0 ? 0 : (size_t)by) != k || is_pending(t, pe))
			continue;
		if (!overrun(m, p, pe))
			start(m, p, pe);
	}
}

bool timers_fire(const struct model *m, struct prog *p, const struct task *t, const siginfo_t *info)
{
	const PosixTimerEntry *pe = timer_of_signal(t, info);
	struct timer_clock c;
	uint64_t at;

	if (!pe)
		return false;
	timer_clock_parse((int)pe->clock_id, &c);
	at = c.cpu ? 0 : expires_at(m, pe, &c);
	/* The last interval that has ended, so that the next one ends when it must. */
	if (!interval_of(pe) || !left_of(pe) || at <= interval_of(pe))
		at = 0;
	else
		at -= interval_of(pe);
	fire_calls(p, pe, at);
	return true;
}
