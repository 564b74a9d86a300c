// SPDX-License-Identifier: MIT
/*
 * Proves that timerfds come back: every clock, armed and not, relative and
 * absolute, with intervals, expirations that nobody has read, flags, sharing
 * and all that fdinfo shows. Nothing expires early by its own clock, and what is
 * relative keeps its time left over a pause, while absolute timers of the wall
 * clock follow the wall.
 */
// kinds: timerfd epoll
// pause: 2
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "case.h"

static uint64_t ms(clockid_t clk)
{
	struct timespec t;

	/* Those that wake the machine cannot always be asked. */
	clk = clk == CLOCK_REALTIME_ALARM ? CLOCK_REALTIME :
	      clk == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME :
					    clk;
	case_sys(clock_gettime(clk, &t));
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* The rest of a line of fdinfo that must not change. */
static void line(int fd, const char *name, char *ret, size_t size)
{
	char path[64], text[512], *at;
	int f, n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = case_sys(open(path, O_RDONLY | O_CLOEXEC));
	n = case_sys(read(f, text, sizeof(text) - 1));
	text[n] = 0;
	close(f);
	at = strstr(text, name);
	case_check(at != NULL, "no %s in %s", name, text);
	snprintf(ret, size, "%.*s", (int)strcspn(at, "\n"), at);
}

struct timer {
	const char *name;
	clockid_t clock;
	int create, settime;
	long value_ms, interval_ms; /* an absolute value is from now */
	/* set up */
	int fd;
	uint64_t start, expires; /* by its clock */
	char clockid[64], flags[64], interval[64], ticks[64];
};

#define TIMER(n, clk, cr, set, val, iv)                                                            \
	{                                                                                          \
		.name = n, .clock = clk, .create = cr, .settime = set, .value_ms = val,            \
		.interval_ms = iv                                                                  \
	}
static struct timer timers[] = {
	TIMER("disarmed", CLOCK_MONOTONIC, 0, 0, 0, 0),
	TIMER("monotonic", CLOCK_MONOTONIC, TFD_NONBLOCK, 0, 4000, 0),
	TIMER("monotonic-interval", CLOCK_MONOTONIC, TFD_CLOEXEC, 0, 300000, 1234),
	TIMER("monotonic-abs", CLOCK_MONOTONIC, 0, TFD_TIMER_ABSTIME, 4000, 0),
	TIMER("boottime", CLOCK_BOOTTIME, 0, 0, 4000, 0),
	TIMER("boottime-abs", CLOCK_BOOTTIME, 0, TFD_TIMER_ABSTIME, 4000, 777),
	TIMER("realtime", CLOCK_REALTIME, 0, 0, 4000, 0),
	TIMER("realtime-abs", CLOCK_REALTIME, 0, TFD_TIMER_ABSTIME, 4000, 0),
	TIMER("realtime-cancel", CLOCK_REALTIME, 0, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
	      500000, 900),
	TIMER("expired", CLOCK_MONOTONIC, 0, 0, 1, 0),
	TIMER("expired-abs", CLOCK_REALTIME, 0, TFD_TIMER_ABSTIME, 1, 0),
	TIMER("boottime-alarm", CLOCK_BOOTTIME_ALARM, 0, 0, 4000, 0),
	TIMER("realtime-alarm", CLOCK_REALTIME_ALARM, 0, TFD_TIMER_ABSTIME, 500000, 0),
};
#define N (sizeof(timers) / sizeof(*timers))

static void set_up(struct timer *t)
{
	uint64_t base = 0, at;
	struct itimerspec its = { { t->interval_ms / 1000, t->interval_ms % 1000 * 1000000L },
				  { 0 } };

	t->fd = timerfd_create(t->clock, t->create);
	/* Machines without a clock that wakes them have no such timers. */
	if (t->fd < 0 && t->clock >= CLOCK_REALTIME_ALARM)
		return;
	case_check(t->fd >= 0, "set-up: %s: %s", t->name, strerror(errno));
	t->start = ms(t->clock);
	if (t->settime & TFD_TIMER_ABSTIME)
		base = t->start;
	at = base + t->value_ms;
	its.it_value = (struct timespec){ at / 1000, at % 1000 * 1000000L };
	if (t->value_ms)
		case_sys(timerfd_settime(t->fd, t->settime, &its, NULL));
	t->expires = t->start + t->value_ms;
}

static void note(struct timer *t)
{
	if (t->fd < 0)
		return;
	line(t->fd, "clockid:", t->clockid, sizeof(t->clockid));
	line(t->fd, "settime flags:", t->flags, sizeof(t->flags));
	line(t->fd, "it_interval:", t->interval, sizeof(t->interval));
	line(t->fd, "ticks:", t->ticks, sizeof(t->ticks));
}

static void verify(struct timer *t)
{
	char now[64];
	struct itimerspec its;
	uint64_t left, clock;

	if (t->fd < 0)
		return;
	line(t->fd, "clockid:", now, sizeof(now));
	case_check(!strcmp(now, t->clockid), "%s: %s, was %s", t->name, now, t->clockid);
	line(t->fd, "settime flags:", now, sizeof(now));
	case_check(!strcmp(now, t->flags), "%s: %s, was %s", t->name, now, t->flags);
	line(t->fd, "it_interval:", now, sizeof(now));
	case_check(!strcmp(now, t->interval), "%s: %s, was %s", t->name, now, t->interval);
	case_check((fcntl(t->fd, F_GETFL) & O_NONBLOCK) == (t->create & TFD_NONBLOCK) &&
			   (fcntl(t->fd, F_GETFD) != 0) == ((t->create & TFD_CLOEXEC) != 0),
		   "%s: flags %o", t->name, fcntl(t->fd, F_GETFL));
	if (!t->value_ms || t->value_ms == 1) {
		line(t->fd, "ticks:", now, sizeof(now));
		case_check(!strcmp(now, t->ticks), "%s: %s, was %s", t->name, now, t->ticks);
		return;
	}
	case_sys(timerfd_gettime(t->fd, &its));
	clock = ms(t->settime || t->clock == CLOCK_BOOTTIME ? t->clock : CLOCK_MONOTONIC);
	if (clock >= t->expires && t->settime)
		return;
	left = its.it_value.tv_sec * 1000ull + its.it_value.tv_nsec / 1000000;
	if (t->settime)
		case_check(left + clock + 50 >= t->expires && left + clock <= t->expires + 50,
			   "%s: %lu left at %lu, expires at %lu", t->name, left, clock, t->expires);
	else
		case_check(left <= (uint64_t)t->value_ms, "%s: %lu left", t->name, left);
}

/* Each expires, not before its time; and reading gives how often. */
static void expire(struct timer *t)
{
	uint64_t n = 0, now, want = t->expires;
	int flags;

	if (t->fd < 0 || !t->value_ms || t->value_ms > 100000)
		return;
	flags = fcntl(t->fd, F_GETFL);
	fcntl(t->fd, F_SETFL, flags & ~O_NONBLOCK);
	case_check(read(t->fd, &n, sizeof(n)) == sizeof(n), "%s: read: %s", t->name,
		   strerror(errno));
	now = ms(t->clock);
	case_check(now + 1 >= want, "%s: expired at %lu, not %lu", t->name, now, want);
	case_check(t->interval_ms ? n <= 1 + (now - want) / t->interval_ms : n == 1,
		   "%s: expired %lu times at %lu, from %lu", t->name, n, now, want);
}

int main(int argc, char **argv)
{
	int often, ep, st;
	uint64_t n, start, passed;
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 5 };
	struct itimerspec its = { { 0, 50000000 }, { 0, 50000000 } };
	pid_t pid;

	case_begin(argc, argv);
	for (size_t i = 0; i < N; i++)
		set_up(&timers[i]);
	often = case_sys(timerfd_create(CLOCK_MONOTONIC, 0));
	start = ms(CLOCK_MONOTONIC);
	case_sys(timerfd_settime(often, 0, &its, NULL));
	ep = case_sys(epoll_create1(0));
	case_sys(epoll_ctl(ep, EPOLL_CTL_ADD, timers[1].fd, &ev));
	pid = case_sys(fork());
	if (!pid) {
		/* Blocks in it while its time passes. */
		case_child_ready("reader");
		expire(&timers[3]);
		_exit(0);
	}
	case_wait_child("reader");
	case_sleep_ms(20);
	for (size_t i = 0; i < N; i++)
		note(&timers[i]);
	case_ready();

	for (size_t i = 0; i < N; i++)
		verify(&timers[i]);
	case_check(read(often, &n, sizeof(n)) == sizeof(n), "read: %s", strerror(errno));
	passed = ms(CLOCK_MONOTONIC) - start;
	case_check(n <= passed / 50 && n + 3 >= passed / 50, "%lu ticks of 50 ms in %lu ms", n,
		   passed);
	case_check(epoll_wait(ep, &ev, 1, 20000) == 1 && ev.data.u32 == 5, "epoll");
	for (size_t i = 0; i < N; i++)
		if (i != 3)
			expire(&timers[i]);
	case_check(waitpid(pid, &st, 0) == pid && !st, "the child's status is %x", st);
	case_pass();
}
