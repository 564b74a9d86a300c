// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timerfd(2): clock, flags, interval, the time left and the expirations nobody
 * has read, from fdinfo. Time left counts from the moment of the checkpoint
 * (model.h); absolute timers of the wall clock expire when the wall clock says.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/abi.h"
#include "fd/kinds.h"

#define NS_PER_S 1000000000ull
/* What fits a timespec of the kernel's signed nanoseconds. */
#define SECONDS_MAX (INT64_MAX / NS_PER_S / 2)
/* The kernel's TFD_SETTIME_FLAGS. */
#define FLAGS_ALL (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)
/* What expires this soon has expired before the tree runs again. */
#define SOON_NS 200000

struct state {
	int clockid;
	uint64_t ticks, value, interval; /* nanoseconds */
	unsigned flags;
};

static bool is_wall(int clockid)
{
	return clockid == CLOCK_REALTIME || clockid == CLOCK_REALTIME_ALARM;
}

static bool is_clock(int clockid)
{
	return is_wall(clockid) || clockid == CLOCK_MONOTONIC || clockid == CLOCK_BOOTTIME ||
	       clockid == CLOCK_BOOTTIME_ALARM;
}

/* The one that a time left is measured with: relative timers of the wall clock do not follow it. */
static int counts_by(int clockid)
{
	return clockid == CLOCK_BOOTTIME || clockid == CLOCK_BOOTTIME_ALARM ? CLK_BOOT : CLK_MONO;
}

static bool pair(const char *text, const char *name, uint64_t *ret)
{
	const char *at = fd_info_line(text, name);
	uint64_t s, ns;

	if (!at || sscanf(at, "(%" SCNu64 ", %" SCNu64 ")", &s, &ns) != 2)
		return false;
	*ret = s * NS_PER_S + ns;
	return true;
}

static bool parse(const char *text, struct state *st)
{
	const char *clock = fd_info_line(text, "clockid"), *ticks = fd_info_line(text, "ticks"),
		   *flags = fd_info_line(text, "settime flags");

	if (!clock || !ticks || !flags || !pair(text, "it_value", &st->value) ||
	    !pair(text, "it_interval", &st->interval))
		return false;
	st->clockid = atoi(clock);
	st->ticks = strtoull(ticks, NULL, 10);
	st->flags = (unsigned)strtoul(flags, NULL, 8);
	return true;
}

static uint64_t wall_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static struct timespec spec(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };
}

static bool timerfd_is(const struct fd_look *l)
{
	return !strcmp(l->link, "anon_inode:[timerfd]");
}

static int look(const struct fd_look *l, struct state *st, struct err *e)
{
	if (!parse(l->info.text, st))
		return fd_refuse(l, e, "the kernel does not show its state");
	if (!is_clock(st->clockid))
		return fd_refuse(l, e, "timers of clock %d are not supported", st->clockid);
	return 0;
}

static int timerfd_check(struct fd_dump *d, const struct fd_look *l, struct err *e)
{
	struct state st;

	return look(l, &st, e);
}

/*
 * An expired timer with an interval is put forward only when somebody asks, and
 * until then shows no time left. Asking leaves what a read(2) gives the same.
 */
static int state_read(struct fd_dump *d, const struct fd_look *l, struct state *st, struct err *e)
{
	struct itimerspec its;
	struct fd_info info;
	int r = look(l, st, e);

	if (r || !st->ticks || !st->interval || st->value)
		return r;
	if (timerfd_gettime(l->copy, &its))
		return err_sys(e, "timerfd_gettime", "pid %d, fd %d", l->t->pid, l->fd);
	r = fd_look_info(d, l->fd, &info, e);
	if (!r && !parse(info.text, st))
		return fd_refuse(l, e, "the kernel does not show its state");
	return r > 0 ? fd_refuse(l, e, "it was closed meanwhile") : r;
}

static int timerfd_dump(struct fd_dump *d, struct file_obj *f, const struct fd_look *l,
			struct err *e)
{
	TimerfdEntry *te = pool_msg(d->m->pool, TimerfdEntry, timerfd_entry__init);
	unsigned flags = l->info.flags;
	struct state st;
	int r = state_read(d, l, &st, e);

	if (r)
		return r;
	file_entry_new(d, f, FD_TYPES__TIMERFD)->tfd = te;
	te->id = f->id;
	te->flags = flags;
	te->clockid = (uint32_t)st.clockid;
	te->ticks = st.ticks;
	te->settime_flags = st.flags;
	/* The clock is read after the time left: late by that moment, never early. */
	if (st.value && st.flags & TFD_TIMER_ABSTIME && is_wall(st.clockid)) {
		te->has_wall_expires = 1;
		te->wall_expires = wall_now() + st.value;
	}
	if (st.value)
		st.value += model_clock_passed(d->m, counts_by(st.clockid));
	te->vsec = st.value / NS_PER_S;
	te->vnsec = st.value % NS_PER_S;
	te->isec = st.interval / NS_PER_S;
	te->insec = st.interval % NS_PER_S;
	return fown_dump(d, l, &te->fown, e);
}

static int timerfd_read(struct fd_restore *r, struct file_obj *f, struct image_in *in,
			struct err *e)
{
	const TimerfdEntry *te = f->entry->tfd;

	if (!is_clock((int)te->clockid))
		return image_bad(in, e, "file %u: a timerfd with the unknown clock %u", f->id,
				 te->clockid);
	if (te->settime_flags & ~(uint32_t)FLAGS_ALL)
		return image_bad(in, e, "file %u: unknown flags %#x of a timerfd", f->id,
				 te->settime_flags);
	if (te->vsec > SECONDS_MAX || te->isec > SECONDS_MAX || te->vnsec >= NS_PER_S ||
	    te->insec >= NS_PER_S ||
	    (te->has_wall_expires && te->wall_expires > SECONDS_MAX * NS_PER_S))
		return image_bad(in, e, "file %u: a time of a timerfd is out of range", f->id);
	return 0;
}

/*
 * When it expires by @now's clock; what has expired by then, or is about to, is
 * counted here, so that nothing happens between setting time and ticks.
 */
static uint64_t settle(uint64_t expires, uint64_t now, uint64_t interval, uint64_t *ticks)
{
	uint64_t missed;

	if (expires > now + SOON_NS)
		return expires;
	if (!interval) {
		++*ticks;
		return 0;
	}
	missed = (now + SOON_NS - expires) / interval + 1;
	*ticks += missed;
	return expires + missed * interval;
}

static int arm(const struct fd_restore *r, const struct file_obj *f, uint64_t *ticks, struct err *e)
{
	const TimerfdEntry *te = f->entry->tfd;
	uint64_t left = te->vsec * NS_PER_S + te->vnsec, interval = te->isec * NS_PER_S + te->insec,
		 now, at = 0;
	bool absolute = te->settime_flags & TFD_TIMER_ABSTIME;
	struct itimerspec its = { .it_interval = spec(interval) };

	if (absolute && is_wall((int)te->clockid)) {
		now = wall_now();
		at = te->has_wall_expires ? te->wall_expires : now + left;
	} else {
		now = model_clock_now(counts_by((int)te->clockid));
		at = r->m->clocks.ours[counts_by((int)te->clockid)] + left;
	}
	if (left)
		at = settle(at, now, interval, ticks);
	if (left && at)
		its.it_value = spec(absolute ? at : at - now);
	if (!te->settime_flags && !interval && !(left && at))
		return 0;
	if (timerfd_settime(f->fd, (int)te->settime_flags, &its, NULL))
		return err_sys(e, "timerfd_settime", "file %u", f->id);
	return 0;
}

static int timerfd_open(struct fd_restore *r, struct file_obj *f, struct err *e)
{
	const TimerfdEntry *te = f->entry->tfd;
	uint64_t ticks = te->ticks;
	int x;

	f->fd = timerfd_create((int)te->clockid, TFD_CLOEXEC);
	if (f->fd < 0)
		return err_sys(e, "timerfd_create", "file %u, clock %u", f->id, te->clockid);
	x = arm(r, f, &ticks, e);
	if (x)
		return x;
	/* Since 3.17, with CONFIG_CHECKPOINT_RESTORE. */
	if (ticks && ioctl(f->fd, TFD_IOC_SET_TICKS, &ticks))
		return err_sys(e, "ioctl", "TFD_IOC_SET_TICKS, file %u", f->id);
	return fd_set_flags(f->fd, te->flags, "timerfd", e);
}

const struct file_kind file_kind_timerfd = {
	.name = "timerfd",
	.type = FD_TYPES__TIMERFD,
	.is = timerfd_is,
	.check = timerfd_check,
	.dump = timerfd_dump,
	FILE_KIND_ENTRY(tfd, TimerfdEntry),
	.read = timerfd_read,
	.open = timerfd_open,
};
