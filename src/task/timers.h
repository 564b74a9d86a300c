/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX timers: dump (timers.c) and restore (timers_build.c). Private to src/task. */
#ifndef STASIS_TASK_TIMERS_H
#define STASIS_TASK_TIMERS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "model/model.h"

#define NS_PER_S 1000000000ull
#ifndef SIGEV_THREAD_ID
#define SIGEV_THREAD_ID 4
#endif

struct prog;

/* As /proc/PID/timers shows it, then with what the task said. */
struct posix_timer {
	int id, signo, notify, clockid;
	uint64_t sival;
	pid_t host; /* whom it notifies, as we see it */
	struct itimerspec *left;
	struct timespec *now;
	size_t overrun_call;
	uint32_t overrun;
};

struct posix_timers {
	struct posix_timer *v;
	size_t n;
};

/* What a clock's number means. False: no clock that timers can have again. */
struct timer_clock {
	int counts_by; /* CLK_*, unless it counts CPU time */
	bool wall;     /* set by people: only what is absolute follows it */
	bool cpu;
	bool thread; /* CPU time of one thread */
	pid_t pid;   /* ...of this process or thread; 0: whoever made the timer */
};
bool timer_clock_parse(int clockid, struct timer_clock *ret);

int timers_parse(struct pool *p, const char *text, struct posix_timers *ret);
int timers_look(struct pool *p, pid_t pid, struct posix_timers *ret, struct err *e);
/* One of them cannot be dumped; @why says which and why. */
bool timers_refused(const struct model *m, const struct task *t, const struct posix_timers *ts,
		    char *why, size_t size);
void timers_calls(struct prog *p, struct posix_timers *ts);
void timers_results(struct pool *pool, const struct prog *p, struct posix_timers *ts);
uint64_t timer_passed(const struct model *m, int clk, const struct timespec *now);
void timers_dump(struct model *m, const struct task *t, const struct posix_timers *ts,
		 TaskTimersEntry *ret);

/* Restore. NULL, or what is wrong with a timer of @t's image. */
const char *timers_bad(const struct task *t);
size_t timers_arena_need(const struct task *t);
/* In the leader's build program before and after making its threads; some threads make their own. */
void timers_prepare(struct prog *p, const struct task *t);
int timers_make(struct prog *p, struct task *t, struct err *e);
/* In thread @k's last words, before and while signals are queued again. */
void timers_arm(const struct model *m, struct prog *p, const struct task *t, size_t k);
/* Instead of queueing a timer's signal again: let the timer do it. False: it is no timer's. */
bool timers_fire(const struct model *m, struct prog *p, const struct task *t,
		 const siginfo_t *info);

#endif
