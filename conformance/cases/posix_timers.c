// SPDX-License-Identifier: MIT
/*
 * Proves that POSIX timers come back with their ids (small, large, with gaps),
 * clocks, ways of notifying, values, intervals and overrun counts, armed and
 * disarmed; that they go off when their clock says so and not before, over a
 * pause; and that /proc/PID/timers shows the same.
 */
// cflags: -pthread
// pause: 2
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "case.h"

#define RESTORE_IDS 77 /* PR_TIMER_CREATE_RESTORE_IDS */
#define FIRST (SIGRTMIN + 1)
#ifndef SIGEV_THREAD_ID
#define SIGEV_THREAD_ID 4
#endif

struct timer {
	const char *name;
	clockid_t clock;
	int notify;
	bool absolute;
	long value_ms, interval_ms;
	int id;
	uint64_t start;
	struct itimerspec before;
};

#define TIMER(n, clk, how, abs, val, iv)                                                           \
	{                                                                                          \
		.name = n, .clock = clk, .notify = how, .absolute = abs, .value_ms = val,          \
		.interval_ms = iv                                                                  \
	}
static struct timer timers[] = {
	TIMER("disarmed", CLOCK_MONOTONIC, SIGEV_SIGNAL, false, 0, 0),
	TIMER("monotonic", CLOCK_MONOTONIC, SIGEV_SIGNAL, false, 4000, 0),
	TIMER("monotonic-abs", CLOCK_MONOTONIC, SIGEV_SIGNAL, true, 4000, 0),
	TIMER("monotonic-interval", CLOCK_MONOTONIC, SIGEV_SIGNAL, false, 3000, 700),
	TIMER("boottime", CLOCK_BOOTTIME, SIGEV_SIGNAL, false, 4000, 0),
	TIMER("realtime", CLOCK_REALTIME, SIGEV_SIGNAL, false, 4000, 0),
	TIMER("realtime-long", CLOCK_REALTIME, SIGEV_SIGNAL, false, 100000, 20000),
	TIMER("tai", CLOCK_TAI, SIGEV_SIGNAL, false, 4000, 0),
	TIMER("none", CLOCK_MONOTONIC, SIGEV_NONE, false, 500000, 1000),
	TIMER("thread-id", CLOCK_MONOTONIC, SIGEV_SIGNAL | SIGEV_THREAD_ID, false, 4000, 0),
	TIMER("raw-thread", CLOCK_MONOTONIC, SIGEV_THREAD, false, 4000, 0),
	TIMER("cpu", CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, false, 900000, 5000),
	TIMER("thread-cpu", CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL | SIGEV_THREAD_ID, false, 900000,
	      0),
};
#define N (sizeof(timers) / sizeof(*timers))

static volatile uint64_t fired[N], value_of[N];
static volatile pid_t fired_in[N];
static pid_t other;

static uint64_t ms(clockid_t clk)
{
	struct timespec t;

	case_sys(clock_gettime(clk, &t));
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	size_t i = sig - FIRST;

	if (si->si_code != SI_TIMER || fired[i])
		return;
	fired_in[i] = syscall(SYS_gettid);
	value_of[i] = (uint64_t)si->si_value.sival_ptr;
	fired[i] = ms(timers[i].clock == CLOCK_TAI || timers[i].clock == CLOCK_REALTIME ?
			      CLOCK_MONOTONIC :
			      timers[i].clock);
}

static void *sleeper(void *arg)
{
	other = syscall(SYS_gettid);
	case_touch("child.sleeper");
	while (!case_exists("end"))
		case_sleep_ms(5);
	return NULL;
}

static void set_up(size_t i)
{
	struct timer *t = &timers[i];
	struct sigaction sa = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent se = { .sigev_notify = t->notify,
			       .sigev_signo = FIRST + i,
			       .sigev_value.sival_ptr = (void *)(0x123456789000 + i) };
	struct itimerspec its = { { t->interval_ms / 1000, t->interval_ms % 1000 * 1000000L },
				  { 0 } };
	uint64_t at = t->value_ms;

	if (t->notify & SIGEV_THREAD_ID)
		se._sigev_un._tid = !strcmp(t->name, "thread-cpu") ? getpid() : other;
	case_sys(sigaction(FIRST + i, &sa, NULL));
	case_sys(syscall(SYS_timer_create, t->clock, &se, &t->id));
	t->start = ms(t->clock == CLOCK_TAI || t->clock == CLOCK_REALTIME ? CLOCK_MONOTONIC :
									    t->clock);
	if (t->absolute)
		at += t->start;
	its.it_value = (struct timespec){ at / 1000, at % 1000 * 1000000L };
	if (at)
		case_sys(syscall(SYS_timer_settime, t->id, t->absolute ? TIMER_ABSTIME : 0, &its,
				 NULL));
}

static size_t proc_timers(char *text, size_t size)
{
	int fd = case_sys(open("/proc/self/timers", O_RDONLY | O_CLOEXEC)), n;
	size_t len = 0;

	while ((n = case_sys(read(fd, text + len, size - len - 1))) > 0)
		len += n;
	text[len] = 0;
	close(fd);
	return len;
}

static void verify(size_t i)
{
	struct timer *t = &timers[i];
	struct itimerspec its;
	/* Timers that do not follow the wall clock are set again by the time that is left: late under load. */
	uint64_t left, elapsed,
		late = t->clock == CLOCK_TAI || t->clock == CLOCK_REALTIME ? 1000 : 30;

	case_check(!syscall(SYS_timer_gettime, t->id, &its), "%s: id %d: %s", t->name, t->id,
		   strerror(errno));
	left = its.it_value.tv_sec * 1000ull + its.it_value.tv_nsec / 1000000;
	if (fired[i] && !t->interval_ms)
		return;
	case_check(its.it_interval.tv_sec == t->interval_ms / 1000 &&
			   its.it_interval.tv_nsec == t->interval_ms % 1000 * 1000000L,
		   "%s: interval %ld.%09ld", t->name, its.it_interval.tv_sec,
		   its.it_interval.tv_nsec);
	elapsed = ms(t->clock == CLOCK_TAI || t->clock == CLOCK_REALTIME ? CLOCK_MONOTONIC :
									   t->clock) -
		  t->start;
	if (t->clock == CLOCK_PROCESS_CPUTIME_ID || t->clock == CLOCK_THREAD_CPUTIME_ID)
		case_check(left <= (uint64_t)t->value_ms && left + 5000 > (uint64_t)t->value_ms,
			   "%s: %lu ms left", t->name, left);
	else if (t->value_ms && !fired[i])
		case_check(left + elapsed + 30 >= (uint64_t)t->value_ms &&
				   left + elapsed <= (uint64_t)t->value_ms + late,
			   "%s: %lu ms left after %lu of %ld", t->name, left, elapsed, t->value_ms);
}

int main(int argc, char **argv)
{
	static char before[16384], after[16384];
	int gone, large = 1000000007, far = 70;
	struct itimerspec its;
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	bool chosen;
	pthread_t th;

	case_begin(argc, argv);
	pthread_create(&th, NULL, sleeper, NULL);
	case_wait_child("sleeper");
	for (size_t i = 0; i < N; i++) {
		set_up(i);
		/* Gaps between the ids. */
		case_sys(syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &gone));
		case_sys(syscall(SYS_timer_delete, gone));
	}
	for (int i = 0; i < 40; i++) {
		case_sys(syscall(SYS_timer_create, CLOCK_BOOTTIME, &none, &far));
		if (i < 39)
			case_sys(syscall(SYS_timer_delete, far));
	}
	chosen = !prctl(RESTORE_IDS, 1, 0, 0, 0);
	if (chosen) {
		case_sys(syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &large));
		case_sys(prctl(RESTORE_IDS, 0, 0, 0, 0));
	}
	proc_timers(before, sizeof(before));
	case_ready();

	proc_timers(after, sizeof(after));
	/* The kernel lists the last one first; made again they may come in another order. */
	for (char *p = before; *p;) {
		char entry[256];
		char *end = strstr(p, "ClockID");

		end = strchr(end, '\n') + 1;
		snprintf(entry, sizeof(entry), "%.*s", (int)(end - p), p);
		case_check(strstr(after, entry) != NULL, "/proc/self/timers misses %s", entry);
		p = end;
	}
	case_check(strlen(before) == strlen(after), "/proc/self/timers: %s", after);
	for (size_t i = 0; i < N; i++)
		verify(i);
	case_check(!syscall(SYS_timer_gettime, far, &its) && !its.it_value.tv_sec, "timer %d", far);
	if (chosen) {
		case_check(!syscall(SYS_timer_gettime, large, &its), "timer %d is gone", large);
		case_check(prctl(RESTORE_IDS, 2, 0, 0, 0) == 0, "ids are still chosen");
	}
	for (size_t i = 0; i < N; i++) {
		const struct timer *t = &timers[i];

		if (!t->value_ms || t->value_ms > 50000 || t->notify == SIGEV_NONE)
			continue;
		while (!fired[i])
			case_sleep_ms(5);
		case_check(fired[i] + 1 >= t->start + t->value_ms, "%s: after %lu ms, not %ld",
			   t->name, fired[i] - t->start, t->value_ms);
		case_check(value_of[i] == 0x123456789000 + i, "%s: value %lx", t->name,
			   value_of[i]);
		if (t->notify & SIGEV_THREAD_ID)
			case_check(fired_in[i] == other, "%s: in thread %d, not %d", t->name,
				   fired_in[i], other);
	}
	case_check(!fired[0] && !fired[6] && !fired[8] && !fired[11] && !fired[12],
		   "a timer went off that should not");
	case_check(!syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &gone), "a new timer: %s",
		   strerror(errno));
	case_touch("end");
	pthread_join(th, NULL);
	case_pass();
}
